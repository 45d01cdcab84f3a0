"""The client, against servers that behave and servers that do not; all over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from aiohttp import web

from inference.client import InferenceClient
from inference.errors import (
    GenerationFailed,
    InferenceError,
    Interrupted,
    Misconfigured,
    Overloaded,
    Rejected,
    TimedOut,
    Unavailable,
    Unreachable,
)
from inference.protocol import ChatRequest, ModelInfo
from inference.stream import End, Timeouts
from tests.support.raw_server import raw_server
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until

REQUEST = ChatRequest([{"role": "user", "content": "Hi"}])
SHORT = Timeouts(connect=1, first_token=0.3, token=0.15)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
TOKEN = b'data: {"choices": [{"delta": {"content": "x"}}]}\n\n'
EMPTY = b'data: {"choices": [{"delta": {"content": ""}}]}\n\n'


def chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


@asynccontextmanager
async def client_of(url: str, timeouts: Timeouts = SHORT, api_key: str | None = None) -> AsyncIterator[InferenceClient]:
    client = InferenceClient(url, timeouts=timeouts, api_key=api_key)
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
async def client(stub: StubTgi) -> AsyncIterator[InferenceClient]:
    async with client_of(stub.url) as made:
        yield made


async def chat(client: InferenceClient, said: list[str] | None = None) -> list[str | End]:
    """All of one answer; `said` has it even where it ends in an error."""
    said = [] if said is None else said
    end = await client.stream_chat(REQUEST, said.append)
    return [*said, end]


@asynccontextmanager
async def app_server(method: str, path: str, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]):
    app = web.Application()
    app.router.add_route(method, path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


# Streams


async def test_an_answer_is_pieces_and_an_end(client: InferenceClient):
    assert await chat(client) == ["Hello", ", ", "world", ".", End("stop", 7, 4)]


async def test_what_is_set_is_sent_and_nothing_else(client: InferenceClient, stub: StubTgi):
    await chat(client)
    said: list[str] = []
    request = ChatRequest(REQUEST.messages, max_tokens=5, temperature=0.0, stop=["a"], seed=0)
    await client.stream_chat(request, said.append)
    basic = {"model", "messages", "stream", "stream_options"}
    assert set(stub.requests[0]) == basic
    assert set(stub.requests[1]) == basic | {"max_tokens", "temperature", "stop", "seed"}
    assert stub.requests[1]["temperature"] == 0


async def test_the_api_key_goes_with_every_request_and_is_sent_only_if_there_is_one():
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(status=401)

    async with app_server("POST", "/v1/chat/completions", answer) as url:
        for key in ("secret", None):
            async with client_of(url, api_key=key) as client:
                with pytest.raises(Misconfigured):
                    await chat(client)
    assert seen == ["Bearer secret", None]


async def test_the_session_is_named_for_a_balancer():
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("X-Session-Id"))
        return web.Response(status=503)

    async with app_server("POST", "/v1/chat/completions", answer) as url, client_of(url) as client:
        for session in (UUID(int=7), None):
            with pytest.raises(Unavailable):
                await client.stream_chat(REQUEST, seen.append, session=session)
    assert seen == [str(UUID(int=7)), None]


async def test_cancelling_the_stream_ends_the_generation(client: InferenceClient, stub: StubTgi):
    stub.behaviour = Behaviour(pieces=["x"] * 1000, delay_s=0.01)
    said: list[str] = []
    answering = asyncio.create_task(client.stream_chat(REQUEST, said.append))
    await until(lambda: bool(said))
    answering.cancel()
    await until(lambda: (stub.running, stub.cancelled) == (0, 1))


async def test_cancelling_while_waiting_for_the_first_token_ends_it_too(stub: StubTgi):
    stub.behaviour.first_delay_s = 60
    async with client_of(stub.url, Timeouts(first_token=60)) as client:
        waiting = asyncio.create_task(chat(client))
        await until(lambda: stub.running == 1)
        waiting.cancel()
        await asyncio.wait([waiting])
        await until(lambda: (stub.running, stub.cancelled) == (0, 1))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, Misconfigured),
        (404, Misconfigured),
        (422, Rejected),
        (424, GenerationFailed),
        (429, Overloaded),
        (503, Unavailable),
    ],
)
async def test_a_refusal_is_told_by_its_status_with_the_servers_words(
    client: InferenceClient, stub: StubTgi, status: int, kind: type[InferenceError]
):
    stub.behaviour.refuse_with = status
    with pytest.raises(kind, match="Input validation error" if status == 422 else "Model is overloaded"):
        await chat(client)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('{"error": {"message": "no such model", "type": "x"}}', "no such model"),
        ('{"error": "bad", "error_type": "validation"}', "bad"),
        ("<html>proxy</html>", "<html>proxy</html>"),
        ("", "The model cannot take this message."),
        ("[1]", "[1]"),
    ],
)
async def test_the_words_of_other_servers_are_found_too(body: str, says: str):
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(text=body, status=422)

    async with app_server("POST", "/v1/chat/completions", refuse) as url, client_of(url) as client:
        with pytest.raises(Rejected) as refused:
            await chat(client)
    assert str(refused.value) == says


async def test_no_first_token_in_time_is_a_time_out(client: InferenceClient, stub: StubTgi):
    stub.behaviour.first_delay_s = 60
    began = time.monotonic()
    with pytest.raises(TimedOut):
        await chat(client)
    assert 0.25 < time.monotonic() - began < 3
    await until(lambda: stub.cancelled == 1)


async def test_no_next_token_in_time_is_a_time_out_after_the_text(client: InferenceClient, stub: StubTgi):
    stub.behaviour.delay_s = 60
    said: list[str] = []
    with pytest.raises(TimedOut):
        await chat(client, said)
    assert said == ["Hello"]


async def test_an_answer_may_take_longer_than_any_of_the_times(client: InferenceClient, stub: StubTgi):
    stub.behaviour = Behaviour(pieces=["x"] * 12, delay_s=0.05)
    assert len(await chat(client)) == 13


@pytest.mark.parametrize("noise", [b":\n\n", EMPTY], ids=["comments", "empty tokens"])
async def test_signs_of_life_without_a_token_do_not_extend_the_time(noise: bytes):
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(TOKEN))
        while True:
            writer.write(chunked(noise))
            await writer.drain()
            await asyncio.sleep(0.02)

    said: list[str] = []
    async with raw_server(answer) as url, client_of(url) as client:
        async with asyncio.timeout(5):
            with pytest.raises(TimedOut):
                await chat(client, said)
    assert said == ["x"]


async def test_nobody_listening_is_unreachable(unused_tcp_port: int):
    async with client_of(f"http://127.0.0.1:{unused_tcp_port}") as client:
        with pytest.raises(Unreachable):
            await chat(client)
        with pytest.raises(Unreachable):
            await client.info()
        with pytest.raises(Unreachable):
            await client.count_tokens(REQUEST.messages)
        assert not await client.healthy()


async def close(writer: asyncio.StreamWriter) -> None:
    pass


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def talk_nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"nonsense\r\n\r\n")


@pytest.mark.parametrize("answer", [close, reset, talk_nonsense])
async def test_a_server_that_does_not_answer_in_http_can_be_tried_again(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]],
):
    async with raw_server(answer) as url, client_of(url) as client:
        with pytest.raises(InferenceError) as failed:
            await chat(client)
        assert failed.value.retryable
        assert not await client.healthy()


@pytest.mark.parametrize(
    "rest",
    [b"", chunked(b"data: {"), b"5\r\nda", b"0\r\n\r\n", chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"],
    ids=["nothing", "half an event", "half a chunk", "a clean end", "done without a reason"],
)
async def test_a_stream_that_ends_before_the_answer_is_interrupted(rest: bytes):
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(TOKEN) + rest)

    said: list[str] = []
    async with raw_server(answer) as url, client_of(url) as client:
        with pytest.raises(Interrupted):
            await chat(client, said)
    assert said == ["x"]


async def test_an_error_inside_the_stream_comes_after_the_text():
    async def answer(writer: asyncio.StreamWriter) -> None:
        error = b'data: {"error":{"message":"Model is overloaded","http_status_code":422}}\n\n'
        writer.write(HEAD + chunked(TOKEN) + chunked(error + b"data: [DONE]\n\n") + b"0\r\n\r\n")

    said: list[str] = []
    async with raw_server(answer) as url, client_of(url) as client:
        with pytest.raises(Overloaded):
            await chat(client, said)
    assert said == ["x"]


async def test_a_server_that_gives_no_usage_and_no_done_is_understood():
    async def answer(writer: asyncio.StreamWriter) -> None:
        end = b'data: {"choices": [{"delta": {}, "finish_reason": "length"}]}\n\n'
        writer.write(HEAD + chunked(TOKEN) + chunked(end) + b"0\r\n\r\n")

    async with raw_server(answer) as url, client_of(url) as client:
        assert await chat(client) == ["x", End("length", None, None)]


# Short calls


async def test_a_server_that_is_up_is_healthy(client: InferenceClient):
    assert await client.healthy()


@pytest.mark.parametrize("status", [500, 503, 404])
async def test_a_server_that_says_it_is_not_is_not(status: int):
    async def unwell(request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with app_server("GET", "/health", unwell) as url, client_of(url) as client:
        assert not await client.healthy()


async def test_info_gives_the_model_and_is_asked_for_once():
    asked = []

    async def info(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"model_id": "m", "max_input_tokens": 1, "max_total_tokens": 2, "more": [3]})

    async with app_server("GET", "/info", info) as url, client_of(url) as client:
        assert await client.info() == await client.info() == ModelInfo("m", 1, 2)
    assert asked == ["/info"]


async def test_many_that_need_info_at_once_ask_once():
    asked = []
    answer_now = asyncio.Event()

    async def info(request: web.Request) -> web.Response:
        asked.append(request.path)
        await answer_now.wait()
        return web.json_response({"model_id": "m"})

    async with app_server("GET", "/info", info) as url, client_of(url) as client:
        waiting = [asyncio.create_task(client.info()) for _ in range(20)]
        await until(lambda: bool(asked))
        answer_now.set()
        assert {found.model_id for found in await asyncio.gather(*waiting)} == {"m"}
    assert asked == ["/info"]


@pytest.mark.parametrize(
    ("status", "body"), [(404, ""), (401, "{}"), (200, "<html>"), (200, "[]"), (200, '{"model_id": 5}')]
)
async def test_a_server_without_info_has_no_known_limits(status: int, body: str):
    async def info(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    async with app_server("GET", "/info", info) as url, client_of(url) as client:
        assert await client.info() == ModelInfo()


async def test_info_of_a_server_in_trouble_is_asked_for_again():
    async def info(request: web.Request) -> web.Response:
        return web.Response(status=503)

    async with app_server("GET", "/info", info) as url, client_of(url) as client:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await client.info()


async def test_tokens_are_counted_by_the_server(client: InferenceClient):
    assert await client.count_tokens([{"role": "user", "content": "one two three"}]) == 7


@pytest.mark.parametrize(("status", "body"), [(404, ""), (422, "{}"), (500, ""), (200, "{}"), (200, "x")])
async def test_a_server_that_cannot_count_says_none(status: int, body: str):
    async def tokenize(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    async with app_server("POST", "/chat_tokenize", tokenize) as url, client_of(url) as client:
        assert await client.count_tokens(REQUEST.messages) is None


async def test_a_slash_at_the_end_of_the_address_does_no_harm(stub: StubTgi):
    async with client_of(stub.url + "/") as client:
        assert await client.healthy()
        assert len(await chat(client)) == 5
