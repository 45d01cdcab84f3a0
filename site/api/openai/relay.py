"""Answers straight from the inference server, stored nowhere: no thread and no database connection is held, and what a
client has not read yet is not asked for."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from django.conf import settings

from api.errors import of_exception
from api.openai.admission import finished, running
from api.openai.chunks import Chunks
from api.openai.errors import described, error_body
from api.views.chat import NotNow
from chat.answering import FIRST_BACKOFF_S, LONGEST_BACKOFF_S
from chat.process import ChatProcess
from inference.errors import InferenceError
from inference.passthrough import Event, events

logger = logging.getLogger(__name__)

# As long as this a client gets a status of its own for an error. After it the stream begins, and is kept open.
HEARTBEAT_S = 15.0
# Writes of the server that may wait for a slow client; each is at most what a socket gives at once.
MOST_WAITING = 4
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b":\n\n"

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to be had.

    Attributes:
        path, body: of the inference server.
        chunks: makes OpenAI's of its events.
    """

    process: ChatProcess
    owner_id: int
    path: str
    body: bytes
    chunks: Chunks


async def whole(answer: Answer) -> list[JSON]:
    """All chunks of an answer.

    Raises:
        InferenceError, TooManyRunning, NotNow
    """
    async with until_draining(answer.process), aclosing(_chunks(answer)) as batches:
        return [chunk async for batch in batches for chunk in batch]


async def stream(answer: Answer) -> AsyncGenerator[bytes]:
    """The bytes of a streamed answer, to be sent as they come. Returns when the first are there, or a while later.

    Raises:
        InferenceError, TooManyRunning, NotNow: before there were any.
    """
    waiting: asyncio.Queue[bytes | Exception] = asyncio.Queue(MOST_WAITING)
    pump = asyncio.create_task(_pump(answer, waiting), name="relay")
    # The task of the request lasts until its response is sent or its client is gone, whatever becomes of the response.
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - views run in tasks
    task.add_done_callback(lambda _: pump.cancel())
    first = await _next(waiting)
    if isinstance(first, Exception):
        raise first
    return _sent(first, waiting)


async def _sent(first: bytes, waiting: asyncio.Queue[bytes | Exception]) -> AsyncGenerator[bytes]:
    piece: bytes | Exception = first
    while isinstance(piece, bytes):
        yield piece
        if piece.endswith(DONE):
            return
        piece = await _next(waiting)
    yield framed(of_error(piece)) + DONE


async def _next(waiting: asyncio.Queue[bytes | Exception]) -> bytes | Exception:
    """What there is to send next; something that keeps the connection open where that takes long."""
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            return await waiting.get()
    except TimeoutError:
        return KEEP_ALIVE


async def _pump(answer: Answer, waiting: asyncio.Queue[bytes | Exception]) -> None:
    """Put an answer's bytes where its client's response takes them from, no faster than that does."""
    try:
        async with until_draining(answer.process), aclosing(_chunks(answer)) as batches:
            async for batch in batches:
                await waiting.put(b"".join(map(framed, batch)))
        await waiting.put(DONE)
    except Exception as error:
        await waiting.put(error)


def framed(value: JSON) -> bytes:
    """An event of OpenAI's streams."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def of_error(error: Exception) -> JSON:
    """An error after the first bytes: the status is sent already."""
    found = of_exception(error)
    if found is None:
        logger.error("a relayed answer broke off", exc_info=error)
        return error_body(500, "server_error", "Something went wrong on our side. Try again in a moment.")
    return described(error, *found)


async def _chunks(answer: Answer) -> AsyncGenerator[list[JSON]]:
    """The chunks of an answer, those that came together in one list, never an empty one."""
    chunks = answer.chunks
    async with running(answer.process, answer.owner_id):
        try:
            async with aclosing(_events_patiently(answer)) as batches:
                async for batch in batches:
                    if made := [chunk for event in batch for chunk in chunks.take(event)]:
                        yield made
            yield chunks.end()
        finally:
            finished(
                owner_id=answer.owner_id,
                prompt_tokens=chunks.usage.prompt_tokens,
                generated_tokens=chunks.usage.generated_tokens,
            )


async def _events_patiently(answer: Answer) -> AsyncGenerator[list[Event]]:
    """The server's events. Before the first of them a failed request is repeated, as for answers that are stored."""
    patience = Patience()
    begun = False
    while True:
        try:
            async with aclosing(events(answer.process.client, answer.path, answer.body)) as batches:
                async for batch in batches:
                    begun = True
                    yield batch
            return
        except InferenceError as error:
            if begun:
                raise
            await patience.after(error)


class Patience:
    """How often, and for how long, one request is repeated."""

    def __init__(self) -> None:
        self._give_up_at = time.monotonic() + settings.ENV.tgi_retry_for
        self._backoff = FIRST_BACKOFF_S

    async def after(self, error: InferenceError) -> None:
        """Wait before the next attempt. Raises the error where none would help, or it has been long enough."""
        if not error.retryable or time.monotonic() > self._give_up_at:
            raise error
        await asyncio.sleep(self._backoff * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        self._backoff = min(self._backoff * 2, LONGEST_BACKOFF_S)


@asynccontextmanager
async def until_draining(process: ChatProcess) -> AsyncGenerator[None]:
    """A server that was told to stop does not wait for what is only passed on.

    Raises:
        NotNow: that has happened meanwhile.
    """
    watching = asyncio.create_task(process.draining.wait(), name="draining")
    try:
        async with asyncio.timeout(None) as scope:
            watching.add_done_callback(lambda done: None if done.cancelled() else _expire(scope))
            yield
    except TimeoutError:
        if scope.expired():
            raise NotNow from None
        raise
    finally:
        watching.cancel()


def _expire(scope: asyncio.Timeout) -> None:
    with suppress(RuntimeError):  # it is over by now
        scope.reschedule(0)
