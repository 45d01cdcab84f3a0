"""Answers that are passed on and stored nowhere."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import aiohttp
import pytest
from django.conf import settings
from django.db import connection

from accounts.models import User
from chat.database import in_thread
from chat.models import Interaction
from config.asgi import drain
from limits.models import Unstored
from tests.support.site_server import SiteServer, site_server
from tests.support.statements import statements
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until

CHAT = "/v1/chat/completions"
ASKED = {"messages": [{"role": "user", "content": "Hi"}]}
BOTH = pytest.mark.parametrize("stream", [False, True])


async def post(client: aiohttp.ClientSession, body: Any, path: str = CHAT) -> tuple[int, dict[str, Any], Any]:
    """Status, JSON and headers."""
    async with client.post(path, json=body) as response:
        return response.status, await response.json(content_type=None), response.headers


async def events(response: aiohttp.ClientResponse) -> list[Any]:
    """The data of a whole stream: JSON, and the text `[DONE]`."""
    lines = (await response.text()).split("\n")
    payloads = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return [payload if payload == "[DONE]" else json.loads(payload) for payload in payloads]


async def test_an_answer_is_passed_on_and_nothing_is_stored(site: SiteServer, owner: User, stub: StubTgi):
    async with site.program(owner) as client:
        status, body, _ = await post(client, ASKED)
        async with client.post(CHAT, json={**ASKED, "stream": True}) as response:
            *chunks, done = await events(response)
    assert (status, body["choices"][0]["message"]["content"]) == (200, "Hello, world.")
    assert body["usage"] == {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "Hello, world."
    assert done == "[DONE]"
    assert await in_thread(Interaction.objects.count) == 0


async def test_pieces_are_sent_as_they_come(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(pieces=["first", "second"], delay_s=60)
    async with site.program(owner) as client, client.post(CHAT, json={**ASKED, "stream": True}) as response:
        assert "first" in (await asyncio.wait_for(response.content.readuntil(b"\n\n"), 3)).decode()


# What the model server cannot do


@BOTH
async def test_an_overloaded_model_is_asked_again(site: SiteServer, owner: User, stub: StubTgi, stream: bool):
    stub.behaviour.refuse_with = 429
    async with site.program(owner) as client:
        asking = asyncio.create_task(client.post(CHAT, json={**ASKED, "stream": stream}))
        await until(lambda: stub.requests)
        stub.behaviour.refuse_with = None
        async with await asking as response:
            assert (response.status, "world" in await response.text()) == (200, True)
    assert len(stub.requests) > 1


@BOTH
@pytest.mark.parametrize("how", ["status", "event"])
async def test_one_that_stays_overloaded_is_a_429(site: SiteServer, owner: User, stub: StubTgi, stream: bool, how: str):
    """TGI says it with a status, or with the first event of a stream."""
    stub.behaviour = Behaviour(refuse_with=429) if how == "status" else Behaviour(fail_after=0)
    async with site.program(owner) as client:
        status, body, headers = await post(client, {**ASKED, "stream": stream})
    assert (status, body["error"]["type"], body["error"]["code"]) == (429, "rate_limit_error", "overloaded")
    assert int(headers["Retry-After"]) > 0
    assert len(stub.requests) > 1


@BOTH
async def test_one_that_is_away_is_a_503(transactional_db: None, owner: User, stream: bool):
    async with site_server("http://127.0.0.1:1") as site, site.program(owner) as client:
        status, body, headers = await post(client, {**ASKED, "model": "whatever", "stream": stream})
    assert (status, body["error"]["type"], body["error"]["code"]) == (503, "server_error", "unreachable")
    assert int(headers["Retry-After"]) > 0


@BOTH
async def test_what_it_refuses_is_refused_in_its_words_at_once(
    site: SiteServer, owner: User, stub: StubTgi, stream: bool
):
    stub.behaviour.refuse_with = 422
    async with site.program(owner) as client:
        status, body, _ = await post(client, {**ASKED, "stream": stream})
    assert (status, body["error"]["code"], body["error"]["message"]) == (400, "rejected", "Input validation error: no")
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [(Behaviour(fail_after=2), "overloaded"), (Behaviour(break_after=2), "broken_off")],
    ids=["error", "cut"],
)
async def test_an_error_after_the_first_token_is_an_event_of_the_stream(
    site: SiteServer, owner: User, stub: StubTgi, behaviour: Behaviour, code: str
):
    stub.behaviour = behaviour
    behaviour.delay_s = 0.01
    async with site.program(owner) as client, client.post(CHAT, json={**ASKED, "stream": True}) as response:
        *chunks, error, done = await events(response)
    assert response.status == 200
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks] == ["Hello", ", "]
    assert (error["error"]["code"], done) == (code, "[DONE]")
    assert error["error"]["message"]
    assert len(stub.requests) == 1


async def test_a_whole_answer_that_breaks_off_is_an_error(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(break_after=2, delay_s=0.01)
    async with site.program(owner) as client:
        status, body, headers = await post(client, ASKED)
    assert (status, body["error"]["code"]) == (502, "broken_off")
    assert int(headers["Retry-After"]) > 0


async def test_a_stream_that_takes_long_to_begin_is_kept_open(
    site: SiteServer, owner: User, stub: StubTgi, monkeypatch: pytest.MonkeyPatch
):
    """Its status is sent then, so what goes wrong is told in the stream."""
    monkeypatch.setattr("api.openai.relay.HEARTBEAT_S", 0.05)
    stub.behaviour = Behaviour(first_delay_s=0.3)
    async with site.program(owner) as client:
        async with client.post(CHAT, json={**ASKED, "stream": True}) as response:
            assert await response.content.readuntil(b"\n\n") == b":\n\n"
            assert (await events(response))[-1] == "[DONE]"
        stub.behaviour = Behaviour(first_delay_s=0.3, fail_after=0)
        async with client.post(CHAT, json={**ASKED, "stream": True}) as response:
            *_, error, done = await events(response)
    assert (response.status, error["error"]["code"], done) == (200, "overloaded", "[DONE]")


async def test_several_prompts_are_told_apart(site: SiteServer, owner: User, stub: StubTgi):
    async with site.program(owner) as client:
        _, body, _ = await post(client, {"prompt": ["a", "b"]}, "/v1/completions")
        options = {"include_usage": True}
        wish = {"prompt": "a", "stream": True, "stop": ["world"], "stream_options": options}
        async with client.post("/v1/completions", json=wish) as response:
            *chunks, usage, _ = await events(response)
    assert [choice["text"] for choice in body["choices"]] == ["Hello, world."] * 2
    assert [choice["finish_reason"] for choice in body["choices"]] == ["stop"] * 2
    assert body["usage"] == {"prompt_tokens": 6, "completion_tokens": 8, "total_tokens": 14}
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "Hello, "
    assert (usage["choices"], usage["usage"]["prompt_tokens"]) == ([], 3)


# Clients that leave, or read slowly


async def nobody_has_one_running() -> bool:
    return not await in_thread(Unstored.objects.exists)


@BOTH
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_client_that_leaves_ends_the_generation(
    site: SiteServer, owner: User, stub: StubTgi, stream: bool, when: str
):
    """Before the first token, and after it."""
    stub.behaviour = Behaviour(pieces=["x"] * 1000, first_delay_s=60 if when == "before" else 0, delay_s=0.02)
    async with site.program(owner) as client:
        asking = asyncio.create_task(post(client, {**ASKED, "stream": stream}))
        await until(lambda: stub.running and (when == "before" or stub.sent > 2))
        asking.cancel()
        await asyncio.wait([asking])
        await until(lambda: stub.cancelled == 1)
        await until(nobody_has_one_running)
    assert (stub.running, len(stub.requests)) == (0, 1)


async def test_what_a_client_does_not_read_is_not_fetched(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(pieces=["x" * 20_000] * 2000)
    looks = [0] * 50

    def stuck() -> bool:
        looks.append(stub.sent)
        return looks[-1] > 0 and looks[-50] == looks[-1]

    async with site.program(owner) as client:
        request = await _request_of(client, {**ASKED, "stream": True})
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(reader, ("127.0.0.1", int(site.url.rpartition(":")[2])))
            await loop.sock_sendall(reader, request)
            await until(stuck)
            # Of 40 MB: what the sockets' own buffers hold.
            assert stub.sent < 1000
            assert stub.running == 1
    await until(lambda: not stub.running)


async def _request_of(client: aiohttp.ClientSession, body: Any) -> bytes:
    raw = json.dumps(body)
    head = [
        f"POST {CHAT} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: {client.headers['Authorization']}",
        "Content-Type: application/json",
        f"Content-Length: {len(raw)}",
    ]
    return ("\r\n".join(head) + f"\r\n\r\n{raw}").encode()


def borrowed() -> int:
    """Connections of the database that somebody holds."""
    pool: Any = connection.pool  # type: ignore[attr-defined]  # Postgres' has one
    stats = pool.get_stats()
    return int(stats["pool_size"] - stats["pool_available"])


async def test_waiting_holds_no_connection_of_the_database(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(first_delay_s=60)
    waiting = settings.ENV.answers_per_user
    async with site.program(owner) as client:
        with statements() as sent:
            asking = [asyncio.create_task(post(client, ASKED)) for _ in range(waiting)]
            await until(lambda: stub.running == waiting)
        asked = [sql for sql in sent if "accounts_user" in sql and "chat_" not in sql]
        # The test itself has one, and what runs beside the requests now and then another.
        await until(lambda: borrowed() <= 2)
        assert stub.running == waiting
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
    assert len(asked) == waiting


# How many


async def test_as_many_as_one_may_have_run_at_once(site: SiteServer, owner: User, stranger: User, stub: StubTgi):
    stub.behaviour = Behaviour(first_delay_s=60)
    allowed = settings.ENV.answers_per_user
    async with site.program(owner) as mine, site.program(stranger) as theirs:
        asking = [asyncio.create_task(post(mine, {**ASKED, "stream": index % 2 == 0})) for index in range(allowed)]
        await until(lambda: stub.running == allowed)
        status, body, headers = await post(mine, ASKED)
        other = asyncio.create_task(post(theirs, ASKED))
        await until(lambda: stub.running == allowed + 1)
        asking[0].cancel()
        await until(lambda: stub.running == allowed)
        stub.behaviour.first_delay_s = 0
        again, _, _ = await post(mine, ASKED)
        for task in (*asking, other):
            task.cancel()
        await asyncio.wait([*asking, other])
    assert (status, body["error"]["type"], body["error"]["code"]) == (429, "rate_limit_error", "too_many_running")
    assert int(headers["Retry-After"]) > 0
    assert again == 200


@BOTH
async def test_what_an_answer_came_to_is_reported_once(
    site: SiteServer, owner: User, stub: StubTgi, monkeypatch: pytest.MonkeyPatch, stream: bool
):
    told: list[dict[str, int]] = []
    monkeypatch.setattr("api.openai.relay.finished", lambda **counts: told.append(counts))
    async with site.program(owner) as client:
        async with client.post(CHAT, json={**ASKED, "stream": stream}) as response:
            await response.read()
        assert told == [{"owner_id": owner.pk, "prompt_tokens": 7, "generated_tokens": 4}]
        stub.behaviour = Behaviour(pieces=["x"] * 1000, delay_s=0.02)
        asking = asyncio.create_task(post(client, {**ASKED, "stream": stream}))
        await until(lambda: stub.sent > 4 + 3)
        asking.cancel()
        await until(lambda: len(told) == 2)
    assert 3 <= told[1]["generated_tokens"] < 1000


# A server that stops


async def test_a_server_that_stops_says_so_and_takes_nothing_more(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(pieces=["x"] * 1000, delay_s=0.02)
    async with site.program(owner) as client:
        whole = asyncio.create_task(post(client, ASKED))
        async with client.post(CHAT, json={**ASKED, "stream": True}) as response:
            await until(lambda: stub.running == 2)
            drain()
            *_, error, done = await asyncio.wait_for(events(response), 3)
        status, body, headers = await asyncio.wait_for(whole, 3)
        later, _, _ = await post(client, ASKED)
    assert (error["error"]["code"], done) == ("restarting", "[DONE]")
    assert (status, body["error"]["code"], later) == (503, "restarting", 503)
    assert int(headers["Retry-After"]) > 0
    await until(lambda: not stub.running)
