"""Framing, keep-alive, and an end when the client leaves: the response driven as an ASGI server drives it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tgi import sse
from tgi.sse import EventStream, frame


def test_a_frame_is_one_line_of_json():
    assert frame({"text": "a\nb\u2028c"}) == 'data: {"text":"a\\nb\u2028c"}\n\n'.encode()


class Connection:
    """An ASGI server's side: what was sent, and when the client left."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.put_nowait(message)

    async def body(self) -> bytes:
        """The next piece of the body."""
        message = await asyncio.wait_for(self.sent.get(), timeout=10)
        return message["body"] if message["type"] == "http.response.body" else await self.body()


async def serve(connection: Connection, frames: AsyncGenerator[bytes, None]) -> None:
    await EventStream(frames)({"type": "http"}, connection.receive, connection.send)


async def test_frames_are_sent_as_they_come_and_then_the_end():
    async def frames() -> AsyncGenerator[bytes, None]:
        yield b"one"
        yield b"two"

    connection = Connection()
    await serve(connection, frames())
    start = await connection.sent.get()
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"text/event-stream"
    assert headers[b"x-accel-buffering"] == b"no"
    assert b"content-length" not in headers
    assert [await connection.body() for _ in range(3)] == [b"one", b"two", b""]
    assert connection.sent.empty()


async def test_the_generator_is_closed_when_the_client_leaves():
    closed = asyncio.Event()

    async def frames() -> AsyncGenerator[bytes, None]:
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            closed.set()

    connection = Connection()
    serving = asyncio.create_task(serve(connection, frames()))
    assert await connection.body() == b"one"
    connection.gone.set()
    await asyncio.wait_for(serving, timeout=10)
    assert closed.is_set()


async def test_silence_is_filled_with_comments(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.05)

    async def frames() -> AsyncGenerator[bytes, None]:
        await asyncio.Event().wait()
        yield b"never"

    connection = Connection()
    serving = asyncio.create_task(serve(connection, frames()))
    assert [await connection.body() for _ in range(2)] == [b":\n\n", b":\n\n"]
    connection.gone.set()
    await asyncio.wait_for(serving, timeout=10)


async def test_a_fault_of_the_generator_is_not_swallowed():
    async def frames() -> AsyncGenerator[bytes, None]:
        yield b"one"
        raise LookupError("a fault")

    with pytest.raises(LookupError, match="a fault"):
        await serve(Connection(), frames())
