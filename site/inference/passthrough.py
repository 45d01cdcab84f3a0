"""Routes of the inference server that are passed on nearly as they are: JSON in, JSON or a stream of it out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from inference.client import InferenceClient, translated_errors
from inference.errors import GenerationFailed, InferenceError, Interrupted, from_message, from_status
from inference.stream import MOST_DETAIL, error_text

# A plain answer's tokens are not seen: it may take as long as so many silences between two of them.
MOST_SILENCES = 10

Event = dict[str, Any]


async def ask(client: InferenceClient, path: str, body: bytes) -> tuple[bytes, Mapping[str, str]]:
    """A whole answer and its headers. Cancelling this ends the generation on the server.

    Raises:
        InferenceError: see `errors`.
    """
    timeout_s = client.timeouts.first_token + MOST_SILENCES * client.timeouts.token
    deadline = asyncio.get_running_loop().time() + timeout_s
    with translated_errors():
        async with _response(client, path, body, deadline) as response, asyncio.timeout_at(deadline):
            return await response.read(), response.headers


async def events(client: InferenceClient, path: str, body: bytes) -> AsyncGenerator[list[Event]]:
    """The events of a streamed answer as they come, those of one read together, never none; the server's `[DONE]` ends
    it. Nothing is read ahead of whoever reads this. Closing it ends the generation on the server.

    Raises:
        InferenceError: see `errors`; after some events it says that this is where the answer broke off.
    """
    time = asyncio.get_running_loop().time
    deadline = time() + client.timeouts.first_token
    rest = b""
    with translated_errors():
        async with _response(client, path, body, deadline) as response:
            while True:
                # What says nothing, such as TGI's keep-alive, does not move the deadline.
                async with asyncio.timeout_at(deadline):
                    data = await response.content.readany()
                *lines, rest = (rest + data).split(b"\n")
                found, end = _read(lines)
                if found:
                    yield found
                    deadline = time() + client.timeouts.token
                if isinstance(end, InferenceError):
                    raise end
                if end:
                    return
                if not data:
                    raise Interrupted("the stream ended without an end")


@asynccontextmanager
async def _response(
    client: InferenceClient, path: str, body: bytes, deadline: float
) -> AsyncGenerator[aiohttp.ClientResponse]:
    """A good response. Leaving it before its end closes the connection."""
    async with asyncio.timeout_at(deadline):
        response = await client.post(path, body)
    try:
        if response.status != 200:
            async with asyncio.timeout_at(deadline):
                detail = await response.content.read(MOST_DETAIL)
            raise from_status(response.status, error_text(detail.decode(errors="replace")))
        yield response
    finally:
        response.close()


def _read(lines: list[bytes]) -> tuple[list[Event], InferenceError | bool]:
    """The events in some lines, and whether they are the last: by the server's word, or by an error."""
    found: list[Event] = []
    for payload in _payloads(lines):
        if payload == b"[DONE]":
            return found, True
        try:
            found.append(_event(payload))
        except InferenceError as error:
            return found, error
    return found, False


def _payloads(lines: list[bytes]) -> Iterator[bytes]:
    return (line[5:].strip() for line in lines if line.startswith(b"data:"))


def _event(payload: bytes) -> Event:
    try:
        event = msgspec.json.decode(payload, type=Event)
    except msgspec.DecodeError as error:
        raise GenerationFailed(f"not an event: {payload[:200]!r}") from error
    if (said := event.get("error")) is not None:
        raise from_message(str(said.get("message", said)) if isinstance(said, dict) else str(said))
    return event
