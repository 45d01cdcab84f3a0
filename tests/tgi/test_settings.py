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


def test_the_address_is_read_from_flags_only():
    settings = read_settings([], {"PORT": "9", "HOSTNAME": "box"})
    assert (settings.hostname, settings.port) == ("127.0.0.1", 8001)


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
    ],
)
def test_a_bad_value_ends_the_program_and_is_named(
    arguments: list[str], environment: dict[str, str], named: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as ended:
        read_settings(arguments, environment)
    assert ended.value.code == 2
    assert named in capsys.readouterr().err
