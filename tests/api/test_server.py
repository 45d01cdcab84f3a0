"""/api/server/ and /api/model/"""

from __future__ import annotations

import asyncio
import socket
import tomllib

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts.models import User
from chat.process import current
from launcher import REPOSITORY
from tests.support.site_server import SiteServer, site_server
from tests.support.waiting import until


@pytest.mark.parametrize("state", ["open", "closed"])
def test_anybody_sees_whether_accounts_can_be_made(nobody: APIClient, monkeypatch: pytest.MonkeyPatch, state: str):
    monkeypatch.setattr(settings, "ENV", settings.ENV.model_copy(update={"signup": state}))
    response = nobody.get("/api/server/")
    assert (response.status_code, response.json()) == (200, {"name": "Parley", "signup_open": state == "open"})


def test_a_token_that_is_no_good_does_not_matter_there(nobody: APIClient):
    assert nobody.get("/api/server/", headers={"Authorization": "Bearer nonsense"}).status_code == 200


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["version"] == settings.VERSION


async def test_the_model_is_told_once_it_is_known(site: SiteServer, owner: User):
    async with site.program(owner) as program:
        async with program.get("/api/model/") as response:  # has it asked for
            assert response.status == 200
        process = current()
        assert process is not None
        await until(lambda: process.client.known_info)
        async with program.get("/api/model/") as response:
            found = await response.json()
    assert found["id"] == "stub"
    assert found["max_total_tokens"] is not None
    assert found["default_parameters"] == {"max_tokens": 1024, "temperature": 0.6, "top_p": 0.9}
    assert found["max_running_answers"] == settings.ENV.answers_per_user
    assert found["version"] == settings.VERSION


async def test_nobody_waits_for_a_model_that_does_not_answer(transactional_db: None, owner: User):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        async with (
            site_server(f"http://127.0.0.1:{silent.getsockname()[1]}") as site,
            site.program(owner) as program,
            asyncio.timeout(2),
            program.get("/api/model/") as response,
        ):
            found = await response.json()
    assert (response.status, found["id"], found["max_total_tokens"]) == (200, None, None)
