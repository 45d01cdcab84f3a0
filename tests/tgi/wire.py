"""Reading the wire in tests: events of a stream, byte for byte."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

DONE = "[DONE]"


async def frames(response: aiohttp.ClientResponse) -> AsyncIterator[str]:
    """The data of each event; every frame must be exactly ``data: <data>`` and an empty line."""
    buffer = b""
    async for part in response.content.iter_any():
        buffer += part
        while b"\n\n" in buffer:
            frame, buffer = buffer.split(b"\n\n", 1)
            if frame == b":":
                continue
            assert frame.startswith(b"data: ")
            assert b"\n" not in frame
            yield frame.removeprefix(b"data: ").decode()
    assert buffer == b""


async def events(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> list[Any]:
    """All events of a stream, JSON decoded; ``DONE`` stays a string."""
    async with session.post(path, json=body) as response:
        assert response.status == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        return [data if data == DONE else json.loads(data) async for data in frames(response)]


async def answer(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> Any:
    """A plain answer, JSON decoded."""
    async with session.post(path, json=body) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def refusal(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Status and JSON of an error."""
    async with session.post(path, json=body) as response:
        return response.status, await response.json()
