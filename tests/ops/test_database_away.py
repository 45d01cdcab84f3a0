"""A web process whose database cannot be reached: it serves, says so, and says when to come back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from django.conf import settings

from tests.support.browsers import HTMX
from tests.support.waiting import until_answering

REPOSITORY = Path(__file__).resolve().parents[2]
ASKED = [
    ("GET", "/healthz", {}),
    ("GET", "/readyz", {}),
    ("GET", "/chat/", {}),
    ("GET", "/chat/", HTMX),
    ("POST", "/api/token/", {}),
    ("GET", "/accounts/login/", {}),
]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A web process of its own, told of a database where nobody listens."""
    port = free_port()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.support.plain_static_settings",
        "DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "DATABASE_URL": f"postgresql://nobody@127.0.0.1:{free_port()}/parley",
        "TGI_URL": f"http://127.0.0.1:{free_port()}",
        "PORT": str(port),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "site"), str(REPOSITORY)]),
    }
    process = subprocess.Popen([sys.executable, "-m", "config.server"], env=environment, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        until_answering(f"{address}/healthz", process)
        yield address
    finally:
        process.terminate()
        assert process.wait(timeout=15) is not None


@pytest.fixture(scope="module")
def answers(url: str) -> list[requests.Response]:
    """The answers to all that is asked, asked at once: each waits a few seconds for the database."""
    cookies = {settings.SESSION_COOKIE_NAME: "a" * 32}
    body = {"username": "a", "password": "b"}

    def ask(asked: tuple[str, str, dict[str, str]]) -> requests.Response:
        method, path, headers = asked
        given = body if method == "POST" else None
        return requests.request(method, url + path, json=given, headers=headers, cookies=cookies, timeout=20)

    with ThreadPoolExecutor(len(ASKED)) as threads:
        return list(threads.map(ask, ASKED))


def test_it_is_alive_but_not_ready_and_says_what_is_missing(answers: list[requests.Response]):
    healthz, readyz = answers[:2]
    assert (healthz.status_code, healthz.text) == (200, "ok")
    assert (readyz.status_code, readyz.json()) == (503, {"database": "away", "model": "away"})


def test_pages_say_so_and_when_to_come_back(answers: list[requests.Response]):
    page, htmx = answers[2:4]
    for response in (page, htmx):
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert "Parley is away for a moment" in response.text
        assert "Traceback" not in response.text
    assert page.text.lstrip().lower().startswith("<!doctype html>")
    assert htmx.headers["HX-Retarget"] == "#notice"


def test_the_api_says_so_in_json(answers: list[requests.Response]):
    response = answers[4]
    assert (response.status_code, response.json()["code"]) == (503, "database_away")
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_page_that_needs_no_database_works(url: str):
    assert requests.get(f"{url}/accounts/login/", timeout=20).status_code == 200
