"""Callers who wait for an answer or read it slowly, who go away, and whose token ends meanwhile."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from django.conf import settings
from django.db import connection
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from accounts.jwts import AccessToken, revoke_jwts
from accounts.models import User
from chat.database import in_thread
from chat.models import Interaction, Status
from chat.process import ChatProcess, current
from config.handler import THREADS
from tests.support.answers import ask, saved
from tests.support.site_server import SiteServer
from tests.support.sse import events
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until

# Much more than the sockets between server and client hold: a few hundred kilobytes.
PIECES = [f"{number:06d} " + "x" * 2000 for number in range(2000)]
LITTLE = 4096


def here() -> ChatProcess:
    process = current()
    assert process is not None
    return process


def unsent() -> int:
    """Bytes that the server keeps for clients which do not read them."""
    connections = [one for one in gc.get_objects() if isinstance(one, HttpToolsProtocol)]
    return sum(one.transport.get_write_buffer_size() for one in connections if one.transport is not None)


@asynccontextmanager
async def slow_reader(site: SiteServer, owner: User, interaction: Interaction) -> AsyncIterator[asyncio.StreamReader]:
    """A client with a small buffer, that has sent its request; what it does not read stays at the server."""
    host, port = site.url.removeprefix("http://").split(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=sock, limit=LITTLE)
    request = f"GET /api/interactions/{interaction.pk}/stream/ HTTP/1.1\r\nHost: {host}\r\n"
    writer.write(f"{request}Authorization: Bearer {AccessToken.for_user(owner)}\r\n\r\n".encode())
    try:
        yield reader
    finally:
        writer.transport.abort()


async def body_of(reader: asyncio.StreamReader) -> str:
    """The whole body, chunked encoding undone."""
    await reader.readuntil(b"\r\n\r\n")
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    return body.decode()


def deltas(body: str) -> str:
    found = [one.partition("data: ")[2] for one in body.split("\n\n") if one.startswith("event: delta")]
    return "".join(json.loads(one)["text"] for one in found)


async def test_a_reader_that_reads_nothing_for_long_costs_little_and_misses_nothing(
    site: SiteServer, owner: User, stub: StubTgi
):
    stub.behaviour = Behaviour(pieces=PIECES)
    whole = "".join(PIECES)
    asked = await ask(owner)
    async with slow_reader(site, owner, asked) as reader:
        await until(lambda: here().followers == 1)
        kept = 0

        async def is_saved() -> bool:
            nonlocal kept
            kept = max(kept, unsent())
            return (await saved(asked)).status == Status.COMPLETE

        await until(is_saved, timeout_s=30)
        assert 0 < kept < len(whole) / 4
        async with asyncio.timeout(30):
            body = await body_of(reader)
    assert deltas(body) == whole
    assert body.rstrip().rpartition("\n\n")[2].startswith("event: done")


async def test_calls_that_wait_hold_no_thread_and_no_database_connection(site: SiteServer, owner: User, stub: StubTgi):
    """More of them than there are threads for requests, and pages are answered meanwhile."""
    stub.behaviour = Behaviour(first_delay_s=4.0)
    users = await in_thread(lambda: [User.objects.create_user(f"user{number}") for number in range(10)])
    each = settings.ENV.answers_per_user
    assert len(users) * each > max(THREADS, connection.settings_dict["OPTIONS"]["pool"]["max_size"])

    async def call(user: User) -> int:
        async with site.program(user) as client, client.post("/api/chat/", json={"message": "Hi"}) as response:
            return response.status

    calls = [asyncio.create_task(call(user)) for user in users for _ in range(each)]
    await until(lambda: here().followers == len(calls))
    async with asyncio.timeout(2), site.browser(owner) as browser, browser.get("/chat/") as page:
        assert page.status == 200
    assert not any(one.done() for one in calls)
    assert set(await asyncio.gather(*calls)) == {200}


async def test_a_call_whose_client_is_gone_is_given_up_and_the_answer_goes_on(
    site: SiteServer, owner: User, stub: StubTgi
):
    stub.behaviour = Behaviour(first_delay_s=1.0)

    async def call() -> None:
        async with site.program(owner) as client, client.post("/api/chat/", json={"message": "Hi"}):
            raise AssertionError("answered before there was an answer")

    calling = asyncio.create_task(call())
    await until(lambda: here().followers == 1)
    calling.cancel()
    await until(lambda: here().followers == 0)
    assert stub.running == 1
    await asyncio.wait([calling])
    await until(lambda: in_thread(Interaction.objects.filter(status=Status.COMPLETE).exists))


async def test_a_stream_whose_client_is_gone_is_followed_no_more(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(first_delay_s=1.0)
    asked = await ask(owner)
    async with site.program(owner) as client, client.get(f"/api/interactions/{asked.pk}/stream/") as response:
        assert response.status == 200
        assert here().followers == 1
    await until(lambda: here().followers == 0)
    assert stub.running == 1


def revoke(owner: User) -> None:
    revoke_jwts(user=owner)


def deactivate(owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)


@pytest.mark.parametrize("end", [revoke, deactivate])
async def test_a_stream_goes_on_to_its_end_when_its_token_ends_and_no_other_begins(
    end: Callable[[User], None], site: SiteServer, owner: User, stub: StubTgi
):
    stub.behaviour = Behaviour(pieces=list("abcdefghij"), delay_s=0.05)
    asked = await ask(owner)
    path = f"/api/interactions/{asked.pk}/stream/"
    async with site.program(owner) as client, client.get(path) as response:
        await in_thread(end, owner)
        async with client.get(path) as refused:
            assert refused.status == 401
        found = [event async for event in events(response) if event.name]
    assert "".join(event.json()["text"] for event in found if event.name == "delta") == "abcdefghij"
    assert found[-1].name == "done"
