"""docker-compose.gpu.yml, read by Docker Compose itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from launcher import REPOSITORY

COMPOSE = Path(sys.executable).with_name("docker-compose")
FILE = "docker-compose.gpu.yml"
PROFILES = ("gpu", "cpu")
NOTHING: dict[str, str] = {}
TOKEN = {"HF_TOKEN": "hf_given"}
LICENCE = "Accept the licence at https://huggingface.co/meta-llama/Llama-3.2-3B-Instruct"
# The image's Python is in root's folder, so only what root is allowed to do is taken away.
RUNS_AS_ROOT = {"tgi"}


def compose(
    *arguments: str, files: Sequence[str] = (FILE,), variables: Mapping[str, str] = NOTHING
) -> subprocess.CompletedProcess[str]:
    """`docker compose` with nothing in the environment but these variables, and no .env of the developer's."""
    named = [part for file in files for part in ("--file", file)]
    argv = [str(COMPOSE), "--env-file", "/dev/null", *named, *arguments]
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables}
    return subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)


def services(profile: str, files: Sequence[str] = (FILE,), **variables: str) -> dict[str, Any]:
    """What would be run, with all defaults and variables filled in."""
    return dict(read(profile, files, **variables)["services"])


def read(profile: str, files: Sequence[str] = (FILE,), **variables: str) -> dict[str, Any]:
    given = {**TOKEN, **variables}
    done = compose("--profile", profile, "config", "--format", "json", files=files, variables=given)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "no warnings either"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("token", [{}, {"HF_TOKEN": ""}])
@pytest.mark.parametrize("command", [("config", "--quiet"), ("up", "--detach")])
def test_without_a_token_the_gpu_profile_says_where_to_accept_the_licence(
    command: tuple[str, ...], token: dict[str, str]
):
    done = compose("--profile", "gpu", *command, variables=token)
    assert done.returncode != 0
    assert LICENCE in done.stderr
    assert "HF_TOKEN" in done.stderr


def test_the_cpu_profile_needs_no_token():
    done = compose("--profile", "cpu", "config", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_profiles_differ_in_the_inference_server_alone():
    gpu, cpu = services("gpu"), services("cpu")
    assert set(gpu) - set(cpu) == {"tgi"}
    assert set(cpu) - set(gpu) == {"tgi-cpu"}
    assert {name: gpu[name] for name in gpu if name != "tgi"} == {name: cpu[name] for name in cpu if name != "tgi-cpu"}
    for server in (gpu["tgi"], cpu["tgi-cpu"]):
        assert server["networks"]["inference"] == {"aliases": ["tgi"]}
    assert gpu["site"]["environment"]["TGI_URL"] == "http://tgi:8080"


def test_llama_3b_is_what_text_generation_inference_runs_on_a_gpu():
    tgi = services("gpu")["tgi"]
    assert tgi["image"] == "ghcr.io/huggingface/text-generation-inference:3.3.7"
    env = tgi["environment"]
    assert env["MODEL_ID"] == "meta-llama/Llama-3.2-3B-Instruct"
    assert env["HF_TOKEN"] == "hf_given"
    assert env["USAGE_STATS"] == "off"
    assert int(env["MAX_INPUT_TOKENS"]) < int(env["MAX_TOTAL_TOKENS"])
    assert int(env["MAX_INPUT_TOKENS"]) <= int(env["MAX_BATCH_PREFILL_TOKENS"])
    [device] = tgi["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"], device["device_ids"]) == ("nvidia", ["gpu"], ["0"])
    assert int(tgi["shm_size"]) == 2**30
    chosen = services("gpu", MODEL_ID="meta-llama/Llama-3.2-1B-Instruct", MAX_TOTAL_TOKENS="16384")["tgi"][
        "environment"
    ]
    assert (chosen["MODEL_ID"], chosen["MAX_TOTAL_TOKENS"]) == ("meta-llama/Llama-3.2-1B-Instruct", "16384")


@pytest.mark.parametrize("profile", PROFILES)
def test_only_the_proxy_publishes_ports_and_the_database_reaches_nothing_outside(profile: str):
    found = read(profile)
    published = {name: service["ports"] for name, service in found["services"].items() if service.get("ports")}
    assert set(published) == {"proxy"}
    assert [(port["published"], port["target"]) for port in published["proxy"]] == [("80", 8080), ("443", 8443)]
    internal = {name for name, network in found["networks"].items() if network.get("internal")}
    assert internal == {"front", "database", "inference"}
    attached = {name: set(service["networks"]) for name, service in found["services"].items()}
    assert attached["postgres"] == attached["prepare"] == {"database"}
    assert attached["site"] == {"front", "database", "inference"}
    assert attached["proxy"] == {"front", "outside"}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_service_is_confined_restarted_and_looked_after(profile: str):
    for name, service in services(profile).items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert int(service["deploy"]["resources"]["limits"]["memory"]) > 0, name
        assert not service.get("privileged"), name
        if name not in RUNS_AS_ROOT:
            assert service["read_only"] is True, name
            assert service["tmpfs"], name
        if name == "prepare":
            assert service["restart"] == "no"
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"], name
            assert service["healthcheck"]["start_period"], name
            assert service["stop_grace_period"], name


@pytest.mark.parametrize("profile", PROFILES)
def test_every_service_runs_as_an_ordinary_user(profile: str):
    for name, service in services(profile).items():
        if name in RUNS_AS_ROOT:
            continue
        user = service.get("user") or _user_of(service["build"]["dockerfile"])
        assert user.split(":")[0] not in {"root", "0"}, name


def _user_of(dockerfile: str) -> str:
    lines = (REPOSITORY / dockerfile).read_text().splitlines()
    return [line.split()[1] for line in lines if line.startswith("USER ")][-1]


def test_a_model_may_be_downloaded_before_the_server_is_given_up():
    for profile, name in (("gpu", "tgi"), ("cpu", "tgi-cpu")):
        server = services(profile)[name]
        assert server["healthcheck"]["start_period"] == "45m0s"
        assert server["stop_grace_period"] == "1m40s"
        [volume] = server["volumes"]
        assert (volume["type"], volume["target"]) == ("volume", "/data")


def test_the_site_starts_after_its_tables_and_without_waiting_for_a_model():
    found = services("gpu")
    assert found["prepare"]["command"] == ["python", "site/manage.py", "prepare"]
    assert found["prepare"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert {name: on["condition"] for name, on in found["site"]["depends_on"].items()} == {
        "prepare": "service_completed_successfully"
    }
    assert found["site"]["deploy"]["replicas"] == 3
    assert services("gpu", WEB_PROCESSES="5")["site"]["deploy"]["replicas"] == 5
    processes, pool = 3, int(found["site"]["environment"]["DATABASE_POOL"])
    assert "max_connections=200" in found["postgres"]["command"]
    assert 2 * processes * pool < 200, "while one release replaces another there are twice as many"


def test_the_data_of_postgres_is_in_a_volume_where_version_18_has_it():
    postgres = services("gpu")["postgres"]
    assert postgres["image"].startswith("postgres:18-")
    mounted = {volume["target"]: volume["type"] for volume in postgres["volumes"]}
    assert mounted["/var/lib/postgresql"] == "volume"
    [script] = [volume for volume in postgres["volumes"] if volume["type"] == "bind"]
    assert os.access(script["source"], os.X_OK)


def test_secrets_are_files_that_make_secrets_makes_and_none_is_in_the_environment(tmp_path: Path):
    subprocess.run([REPOSITORY / "scripts/secrets.sh", tmp_path], check=True, stdout=subprocess.DEVNULL)
    found = read("gpu")
    wanted = {Path(secret["file"]) for secret in found["secrets"].values()}
    assert wanted == {REPOSITORY / "deploy" / "secrets" / path.name for path in tmp_path.iterdir()}
    for name, service in found["services"].items():
        given = {secret["target"] for secret in service.get("secrets", [])}
        for variable, value in (service.get("environment") or {}).items():
            if variable.endswith("_FILE"):
                assert value in given, (name, variable)
            assert variable not in {"SECRET_KEY", "DATABASE_URL", "TGI_API_KEY", "API_KEY", "POSTGRES_PASSWORD"}


@pytest.mark.parametrize(("profile", "name"), [("gpu", "tgi"), ("cpu", "tgi-cpu")])
def test_the_inference_server_gets_its_key_from_the_file(profile: str, name: str, tmp_path: Path):
    (tmp_path / "tgi_api_key").write_text("the key")
    service = services(profile)[name]
    entrypoint = [part.replace("/run/secrets", str(tmp_path)).replace("$$", "$") for part in service["entrypoint"]]
    program = ["sh", "-c", 'echo "$API_KEY" "$@"', "program", "an argument"]
    done = subprocess.run([*entrypoint, *program], capture_output=True, text=True, check=True)
    assert done.stdout == "the key an argument\n"
    (tmp_path / "tgi_api_key").unlink()
    assert subprocess.run([*entrypoint, *program], capture_output=True, check=False).returncode != 0


def test_git_and_images_leave_the_secrets_alone():
    ignored = ["deploy/secrets/secret_key", ".env"]
    done = subprocess.run(
        ["git", "check-ignore", *ignored], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ignored


def test_with_the_model_elsewhere_the_site_and_nothing_else_reaches_outside():
    files = (FILE, "deploy/compose.elsewhere.yml")
    url = "http://gpu-box:8080"
    found = services("none", files, TGI_URL=url)
    assert found["site"]["environment"]["TGI_URL"] == url
    outside = {name for name, service in found.items() if "outside" in service["networks"]}
    assert outside == {"proxy", "site", "prepare"}
    assert set(found) == {"proxy", "site", "prepare", "postgres"}


def test_the_machine_of_the_gpu_publishes_its_server_at_a_named_address_only():
    files = (FILE, "deploy/compose.tgi-only.yml")
    [port] = services("none", files, TGI_ADDRESS="10.0.0.2")["tgi"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("10.0.0.2", "8080", 8080)
    refused = compose("config", files=files, variables=TOKEN)
    assert refused.returncode != 0
    assert "private network" in refused.stderr


def test_two_gpus_have_a_server_each_behind_the_balancer():
    found = services("gpu", (FILE, "deploy/compose.two-gpus.yml"))
    devices = {}
    for name in ("tgi", "tgi-1"):
        [device] = found[name]["deploy"]["resources"]["reservations"]["devices"]
        devices[name] = device["device_ids"]
    assert devices == {"tgi": ["0"], "tgi-1": ["1"]}
    servers = found["balancer"]["environment"]["TGI_SERVERS"].split()
    known = {alias for name in devices for alias in found[name]["networks"]["inference"]["aliases"]}
    assert {server.removesuffix(":8080") for server in servers} <= known
    assert found["site"]["environment"]["TGI_URL"] == "http://balancer:8080"
    assert found["tgi-1"]["entrypoint"] == found["tgi"]["entrypoint"]
    assert found["tgi-1"]["environment"] == found["tgi"]["environment"]
