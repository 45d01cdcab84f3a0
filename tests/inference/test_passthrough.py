"""Routes of the inference server that are passed on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from inference.client import InferenceClient
from inference.errors import GenerationFailed, Interrupted, Overloaded, TimedOut, Unreachable
from inference.passthrough import ask, events
from inference.stream import Timeouts
from tests.support.raw_server import raw_server
from tests.support.stub_tgi import Behaviour, StubTgi

CHAT = "/v1/chat/completions"
BODY = b'{"messages": [{"role": "user", "content": "Hi"}]}'
SHORT = Timeouts(connect=1, first_token=0.3, token=0.3)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@pytest.fixture
async def client(stub: StubTgi) -> AsyncIterator[InferenceClient]:
    made = InferenceClient(stub.url, timeouts=SHORT)
    yield made
    await made.close()


async def read(client: InferenceClient) -> list[dict[str, Any]]:
    return [event async for batch in events(client, CHAT, BODY) for event in batch]


async def read_from(*pieces: bytes, wait_s: float = 0.0) -> list[dict[str, Any]]:
    """What is read of a server that sends these, with a pause after each."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(wait_s)

    async with raw_server(answer) as url:
        client = InferenceClient(url, timeouts=SHORT)
        try:
            return await read(client)
        finally:
            await client.close()


async def test_events_are_read_to_their_end(client: InferenceClient):
    found = await read(client)
    assert [event["choices"][0]["delta"]["content"] for event in found if event["choices"]][:4] == [
        "Hello",
        ", ",
        "world",
        ".",
    ]
    assert found[-1]["usage"]["completion_tokens"] == 4


async def test_events_are_whole_however_they_are_cut_and_whatever_is_in_them():
    text = 'data: {"a": "x\u2028y"}\n\n:\n\ndata:{"b": 1}\r\n\r\ndata: [DONE]\n\ndata: {"c": 1}\n\n'.encode()
    assert await read_from(*(text[at : at + 1] for at in range(len(text)))) == [{"a": "x\u2028y"}, {"b": 1}]


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ((b'data: {"a": 1}\n\n',), Interrupted),
        ((b"data: nonsense\n\n",), GenerationFailed),
        ((b'data: {"error": {"message": "Model is overloaded", "http_status_code": 422}}\n\n',), Overloaded),
        ((b'data: {"error": "Model is overloaded", "error_type": "overloaded"}\n\n',), Overloaded),
    ],
)
async def test_what_is_no_answer_is_an_error(pieces: tuple[bytes, ...], error: type[Exception]):
    with pytest.raises(error):
        await read_from(*pieces)


async def test_what_came_before_an_error_is_not_lost():
    found: list[dict[str, Any]] = []

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b'data: {"a": 1}\n\ndata: {"error": "Model is overloaded"}\n\n')

    async with raw_server(answer) as url:
        client = InferenceClient(url, timeouts=SHORT)
        with suppress(Overloaded):
            async for batch in events(client, CHAT, BODY):
                found += batch
        await client.close()
    assert found == [{"a": 1}]


async def test_a_server_that_is_silent_is_not_waited_for(stub: StubTgi, client: InferenceClient):
    for behaviour in (Behaviour(first_delay_s=60), Behaviour(delay_s=60)):
        stub.behaviour = behaviour
        with pytest.raises(TimedOut):
            await read(client)
    assert stub.requests


async def test_what_says_nothing_does_not_make_it_less_silent():
    """TGI's keep-alives come also from one that hangs."""
    with pytest.raises(TimedOut):
        await read_from(*[b":\n\n"] * 100, wait_s=0.05)


async def test_a_slow_reader_is_no_silent_server(stub: StubTgi, client: InferenceClient):
    found = []
    async for batch in events(client, CHAT, BODY):
        found += batch
        if len(found) == len(batch):
            await asyncio.sleep(2 * SHORT.token)  # the time that is looked at is the server's
    assert found[-1]["usage"]["completion_tokens"] == 4


async def test_a_whole_answer(stub: StubTgi, client: InferenceClient):
    body, headers = await ask(client, "/generate", b'{"inputs": "Hi"}')
    assert body == b'{"generated_text": "Hello, world."}'
    assert headers["X-Generated-Tokens"] == "4"
    stub.behaviour.refuse_with = 429
    with pytest.raises(Overloaded):
        await ask(client, "/generate", b'{"inputs": "Hi"}')


async def test_nobody_there():
    client = InferenceClient("http://127.0.0.1:1", timeouts=SHORT)
    with pytest.raises(Unreachable):
        await ask(client, "/generate", b"{}")
    with pytest.raises(Unreachable):
        await read(client)
    await client.close()
