"""Several inference servers behind deploy/tgi-balancer.Caddyfile."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.deploy.proxy import IMAGES_CADDY, Caddy
from tests.launcher.running import free_port
from tests.support.model import Model, words
from tests.support.people import PATIENCE
from tests.support.waiting import until

SESSIONS = [f"session-{number}" for number in range(12)]
CHAT = "/v1/chat/completions"


@asynccontextmanager
async def balanced(folder: Path, models: list[Model]) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the balancer before these servers."""
    port = free_port()
    servers = " ".join(model.url.removeprefix("http://") for model in models)
    caddy = Caddy("tgi-balancer.Caddyfile", folder, {"PORT": str(port), "TGI_SERVERS": servers}, IMAGES_CADDY)
    try:
        await caddy.answers(port)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
            yield client
    finally:
        await caddy.close()


@pytest.fixture
async def models() -> AsyncIterator[list[Model]]:
    found = [Model(), Model()]
    for model in found:
        await model.arrive()
    yield found
    for model in found:
        await model.go_away()


async def ask(client: aiohttp.ClientSession, session: str) -> None:
    body: dict[str, Any] = {"model": "tgi", "stream": True, "messages": [{"role": "user", "content": session}]}
    async with client.post(CHAT, json=body, headers={"X-Session-Id": session}) as response:
        assert response.status == 200
        assert (await response.text()).endswith("data: [DONE]\n\n")


def asked(model: Model) -> set[str]:
    """The conversations that it was asked to go on with."""
    return {body["messages"][0]["content"] for body in model.requests}


async def test_every_turn_of_a_conversation_goes_to_one_server_and_all_are_used(tmp_path: Path, models: list[Model]):
    async with balanced(tmp_path / "caddy", models) as client:
        for _ in range(3):
            for session in SESSIONS:
                await ask(client, session)
    one, other = (asked(model) for model in models)
    assert one | other == set(SESSIONS)
    assert one.isdisjoint(other)
    assert one
    assert other


async def test_when_a_server_goes_only_its_conversations_move(tmp_path: Path, models: list[Model]):
    async with balanced(tmp_path / "caddy", models) as client:
        for session in SESSIONS:
            await ask(client, session)
        kept = asked(models[1])
        await models[0].go_away()
        for session in SESSIONS:
            await ask(client, session)
        assert asked(models[1]) == set(SESSIONS)
        await models[0].come_back()
        models[0].requests.clear()
        await until(lambda: _serves_again(client, models[0]))
        models[1].requests.clear()
        for session in SESSIONS:
            await ask(client, session)
        assert asked(models[1]) == kept


async def _serves_again(client: aiohttp.ClientSession, model: Model) -> bool:
    for session in SESSIONS:
        await ask(client, session)
    return bool(model.requests)


async def test_tokens_come_as_they_are_generated_and_leaving_ends_the_generation(tmp_path: Path, models: list[Model]):
    for model in models:
        model.speak(words(2000), delay_s=0.02)
    async with balanced(tmp_path / "caddy", models) as client:
        body = {"model": "tgi", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        async with client.post(CHAT, json=body) as response:
            first = json.loads((await response.content.readline()).removeprefix(b"data: "))
            assert first["choices"][0]["delta"]["content"].startswith("né1")
            assert sum(model.running for model in models) == 1
        await until(lambda: not any(model.running for model in models))
