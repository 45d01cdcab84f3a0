"""The text and state of one answer as this process knows it, and the means to wait for more. In memory only.

One writer (the run that makes the answer, or the reader of the chunk log), any number of followers. All on the
event loop's thread, so nothing here needs a lock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from chat.models import Interaction, Status


@dataclass(slots=True)
class Measured:
    """What is found out while an answer is made, earlier attempts included. `earlier_ms`: how long those took."""

    model_id: str = ""
    seed: int | None = None
    prompt_tokens: int | None = None
    generated_tokens: int = 0
    first_token_ms: int | None = None
    dropped_turns: int = 0
    earlier_ms: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def duration_ms(self) -> int:
        """How long the answer has taken so far."""
        return self.earlier_ms + round((time.monotonic() - self.started) * 1000)


class Feed:
    """An answer in progress.

    Attributes:
        text: all of the answer so far.
        status: queued or generating, until `finished` is set.
        waiting_for: why it does not go on: "" (it does), "turn" (the answer before it is not finished), or the code of
        the error after which the model is tried again.
        place: how many queued answers were asked for before this one; None once it has begun, or if unknown.
        measured: known to the feed of the run that makes the answer only.
        finished: the saved interaction, once the answer has ended.
        closed: this feed goes no further; if `finished` is None, somebody else has the answer now, or
        gone: the interaction was deleted.
        watchers: called at every change.
    """

    def __init__(self, interaction_id: UUID, *, text: str = "") -> None:
        self.interaction_id = interaction_id
        self.text = text
        self.status: str = Status.GENERATING if text else Status.QUEUED
        self.waiting_for = ""
        self.place: int | None = None
        self.measured = Measured()
        self.finished: Interaction | None = None
        self.closed = False
        self.gone = False
        self.version = 0
        self.watchers: set[Callable[[], None]] = set()
        self._waiters: set[asyncio.Future[None]] = set()
        self._pausing: set[asyncio.Future[None]] = set()

    def append(self, text: str) -> None:
        """Add a piece of text."""
        self.text += text
        self.status = Status.GENERATING
        self.waiting_for = ""
        self.place = None
        self._publish()

    def set_status(self, status: str, *, waiting_for: str = "", place: int | None = None) -> None:
        if (status, waiting_for, place) != (self.status, self.waiting_for, self.place):
            self.status, self.waiting_for, self.place = status, waiting_for, place
            self._publish()

    def finish(self, interaction: Interaction) -> None:
        """The answer has ended and is saved."""
        self.text = interaction.final_response_text
        self.status = interaction.status
        self.finished = interaction
        self.close()

    def close(self) -> None:
        self.closed = True
        for pause in self._pausing:
            _wake(pause)
        self._publish()

    def _publish(self) -> None:
        self.version += 1
        for watcher in self.watchers:
            watcher()
        for waiter in self._waiters:
            _wake(waiter)
        self._waiters.clear()

    async def changed(self, seen: int, *, timeout_s: float) -> bool:
        """Wait until the version is no longer `seen`; False if `timeout_s` seconds pass first."""
        if self.version != seen:
            return True
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True

    async def pause(self, seconds: float) -> None:
        """Let time pass, but not beyond the end of the answer."""
        if self.closed:
            return
        loop = asyncio.get_running_loop()
        pause: asyncio.Future[None] = loop.create_future()
        self._pausing.add(pause)
        clock = loop.call_later(seconds, _wake, pause)
        try:
            await pause
        finally:
            clock.cancel()
            self._pausing.discard(pause)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
