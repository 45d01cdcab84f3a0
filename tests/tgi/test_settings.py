"""Flags and environment."""

import pytest

from tgi.settings import read_settings


def test_defaults():
    settings = read_settings([], {})
    assert (settings.hostname, settings.port, settings.model_id) == ("127.0.0.1", 8001, None)
    assert settings.max_concurrent_requests == 128
    assert settings.threads >= 1


def test_the_flag_wins_over_the_environment():
    environment = {"MODEL_ID": "owner/name", "MAX_TOTAL_TOKENS": "512", "API_KEY": "k"}
    settings = read_settings(["--max-total-tokens", "256"], environment)
    assert (settings.model_id, settings.max_total_tokens, settings.api_key) == ("owner/name", 256, "k")


# TGI's launcher has these flags, each with an environment twin.
TWINS = {
    "model-id": ("owner/name", "owner/name"),
    "revision": ("refs/pr/2", "refs/pr/2"),
    "hostname": ("10.0.0.7", "10.0.0.7"),
    "port": ("8080", 8080),
    "max-concurrent-requests": ("5", 5),
    "max-input-tokens": ("100", 100),
    "max-total-tokens": ("200", 200),
    "max-best-of": ("3", 3),
    "max-stop-sequences": ("6", 6),
    "max-client-batch-size": ("7", 7),
    "max-batch-size": ("9", 9),
    "max-batch-total-tokens": ("900", 900),
    "api-key": ("secret", "secret"),
    "dtype": ("bfloat16", "bfloat16"),
    "cors-allow-origin": ("http://a", ("http://a",)),
    "engine": ("transformers", "transformers"),
    "device": ("cuda", "cuda"),
    "threads": ("2", 2),
}


@pytest.mark.parametrize("flag", TWINS)
def test_a_flag_and_its_environment_twin_mean_the_same(flag: str):
    name = flag.replace("-", "_")
    text, value = TWINS[flag]
    engine = ["--engine", "transformers"]
    assert getattr(read_settings([*engine, f"--{flag}", text], {}), name) == value
    assert getattr(read_settings([] if flag == "engine" else engine, {name.upper(): text}), name) == value
    assert getattr(read_settings(engine if flag == "dtype" else [], {}), name) != value


def test_the_name_of_the_machine_is_no_address_to_listen_on():
    assert read_settings([], {"HOSTNAME": "box"}).hostname == "127.0.0.1"
    assert read_settings(["--hostname", "localhost"], {"HOSTNAME": "10.0.0.7"}).hostname == "localhost"


def test_usage_statistics_are_accepted_in_tgis_words():
    for level in ("on", "off", "no-stack"):
        assert read_settings(["--usage-stats", level], {}) == read_settings([], {"USAGE_STATS": level})


def test_an_empty_variable_is_not_set():
    assert read_settings([], {"MODEL_ID": "", "MAX_TOTAL_TOKENS": ""}).model_id is None


def test_origins_are_a_list():
    assert read_settings([], {"CORS_ALLOW_ORIGIN": "http://a, http://b"}).cors_allow_origin == (
        "http://a",
        "http://b",
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        ([], {"MAX_TOTAL_TOKENS": "many"}, "MAX_TOTAL_TOKENS"),
        ([], {"THREADS": "0"}, "THREADS"),
        (["--port", "70000"], {}, "--port"),
        (["--threads", "-1"], {}, "--threads"),
        (["--surprise"], {}, "--surprise"),
        (["--max-total-tokens", "10", "--max-input-tokens", "10"], {}, "MAX_INPUT_TOKENS"),
        (["--max-total-tokens", "10", "--max-batch-total-tokens", "9"], {}, "MAX_BATCH_TOTAL_TOKENS"),
        (["--dtype", "float16"], {}, "DTYPE (float16) is for --engine transformers"),
        (["--dtype", "int3"], {}, "--dtype"),
        ([], {"ENGINE": "vllm"}, "ENGINE: 'vllm' is not one of llamacpp, transformers"),
        ([], {"DEVICE": "tpu"}, "DEVICE"),
        ([], {"USAGE_STATS": "maybe"}, "USAGE_STATS"),
        ([], {"PORT": "http"}, "PORT"),
    ],
)
def test_a_bad_value_ends_the_program_and_is_named(
    arguments: list[str], environment: dict[str, str], named: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as ended:
        read_settings(arguments, environment)
    assert ended.value.code == 2
    assert named in capsys.readouterr().err
