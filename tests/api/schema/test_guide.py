"""docs/API.md: its blocks work, in order, on a real server with the real model; together they call every operation; and
what it says of errors is so."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from api.codes import CODES
from chat.database import in_thread
from config import asgi
from launcher import REPOSITORY
from tests.api.schema.conftest import Operation
from tests.support.site_server import site_server
from tests.support.stack import Stack

GUIDE = Path(REPOSITORY, "docs/API.md")
CLIENT = Path(REPOSITORY, "docs/examples/python")


def blocks(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    return "\n".join(found)


class Recorder:
    """Before the application: notes what is asked for. Ada, who signs up in the guide, has a browser as well."""

    def __init__(self, application: Callable[..., Awaitable[None]]) -> None:
        self._application = application
        self.asked: list[tuple[str, str, int]] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return

        async def noted(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.asked.append((scope["method"], scope["path"], message["status"]))
                if scope["path"] == "/api/register/":
                    await in_thread(_open_a_browser)
            await send(message)

        await self._application(scope, receive, noted)


def _open_a_browser() -> None:
    Client().force_login(get_user_model().objects.get(username="ada"))


@pytest.fixture
async def recorded(
    transactional_db: None, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[str, Recorder]]:
    """The site, its answers made by the real model, and what it is asked for."""
    recorder = Recorder(asgi.application)
    monkeypatch.setattr(asgi, "application", recorder)
    async with site_server(stack.tgi_url) as site:
        yield site.url, recorder


async def run(url: str, folder: Path, *command: str) -> None:
    running = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, "URL": url, "PYTHONPATH": str(CLIENT)},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await running.communicate()
    assert running.returncode == 0, said.decode()[-3000:]


def not_called(operations: list[Operation], asked: list[tuple[str, str, int]]) -> list[str]:
    """The operations that no request has succeeded with."""
    done = [(method, path) for method, path, status in asked if status < 400]
    return [str(one) for one in operations if not any(_is_of(one, method, path) for method, path in done)]


def _is_of(operation: Operation, method: str, path: str) -> bool:
    return method == operation.method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", operation.path), path) is not None


async def test_every_operation_is_there_with_curl(
    recorded: tuple[str, Recorder], operations: list[Operation], tmp_path: Path
):
    url, recorder = recorded
    script = tmp_path / "guide.sh"
    script.write_text("set -euxo pipefail\n" + blocks("sh"))
    await run(url, tmp_path, "bash", str(script))
    assert not_called(operations, recorder.asked) == []


async def test_every_operation_is_there_with_python(
    recorded: tuple[str, Recorder], operations: list[Operation], tmp_path: Path
):
    url, recorder = recorded
    script = tmp_path / "guide.py"
    script.write_text(blocks("python"))
    await run(url, tmp_path, sys.executable, "-W", "error", str(script))
    assert not_called(operations, recorder.asked) == []


def test_every_code_is_in_the_table_under_its_status():
    rows = dict(re.findall(r"^\| ([0-9, ]+) \| (.*) \|$", GUIDE.read_text(), re.MULTILINE))
    for code, row in CODES.items():
        told = next((text for statuses, text in rows.items() if str(row.status) in statuses), "")
        assert f"`{code}`" in told, code


async def test_the_typed_client_is_typed():
    """Strictly, as whoever copies it may want."""
    await run("", REPOSITORY, sys.executable, "-m", "mypy", "--strict", str(CLIENT / "parley.py"))
