"""The checkpoint writer: one for a process, one statement a tick for all its running answers.

Its cost grows with time, not with the number of streams or tokens. Ends of answers are saved at once, together with
all others that ended while the previous statement ran (group commit). While the database is away, text stays in
memory and the next tick that succeeds writes it all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.db import DataError, IntegrityError
from django.db import Error as DatabaseError

from chat import leases
from chat.database import in_thread
from chat.feed import Feed
from chat.leases import Ended, Progress

logger = logging.getLogger(__name__)

TICK_S = 0.25
RETRY_S = 1.0


def _progress_of(feed: Feed, start: int) -> Progress:
    measured = feed.measured
    return Progress(
        feed.interaction_id,
        feed.status,
        start,
        feed.text[start:],
        measured.generated_tokens,
        measured.first_token_ms,
        measured.duration_ms,
    )


class Running(Protocol):
    """What the writer needs of a running answer."""

    feed: Feed

    def stop(self) -> None:
        """Somebody asked for a stop."""

    def lose(self) -> None:
        """The lease is gone: another process has the answer, or it was deleted."""


class CheckpointWriter:
    """Writes for all `running` answers of this process, under the name `owner`."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.running: dict[UUID, Running] = {}
        self._logged: dict[UUID, int] = {}
        self._ended: dict[UUID, tuple[Ended, asyncio.Future[datetime | None]]] = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="checkpoint writer")

    async def close(self) -> None:
        """Let the tick that is under way end, then write what is left."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self.tick()

    def add(self, running: Running, *, logged: int) -> None:
        """Take on an answer of which `logged` characters are in the log already."""
        self.running[running.feed.interaction_id] = running
        self._logged[running.feed.interaction_id] = logged

    def remove(self, interaction_id: UUID) -> None:
        self.running.pop(interaction_id, None)
        self._logged.pop(interaction_id, None)

    async def finish(self, ended: Ended) -> datetime | None:
        """Save an answer's end; returns when it is saved, or None if the lease was lost before."""
        future: asyncio.Future[datetime | None] = asyncio.get_running_loop().create_future()
        self._ended[ended.id] = (ended, future)
        self._wake.set()
        return await future

    async def _run(self) -> None:
        next_tick = 0.0
        while not self._closing:
            try:
                if time.monotonic() < next_tick:
                    await self._save_ended()
                else:
                    next_tick = time.monotonic() + TICK_S
                    await self.tick()
            except (DatabaseError, OSError) as error:
                # psycopg's pool raises its own time-out, a DatabaseError too. Nothing is lost: all is in memory.
                logger.warning("checkpoint: the database is away, trying again: %s", error)
                await asyncio.sleep(RETRY_S)
            await self._pause(next_tick - time.monotonic())

    async def _pause(self, seconds: float) -> None:
        """Until then, or until an answer has ended: its reader waits for that to be saved."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def tick(self) -> None:
        """Write what is new, once."""
        await self._save_ended()
        progress = self._progress()
        if progress:
            held = await in_thread(leases.renew, owner=self.owner, progress=progress)
            self._take_note(progress, held)

    def _progress(self) -> list[Progress]:
        items = []
        for interaction_id, running in self.running.items():
            if interaction_id not in self._ended:
                start = self._logged[interaction_id]
                items.append(_progress_of(running.feed, start))
        return items

    def _take_note(self, progress: list[Progress], held: dict[UUID, bool]) -> None:
        for item in progress:
            running = self.running.get(item.id)
            if running is None:
                continue
            if item.id not in held:
                running.lose()
                continue
            # Meanwhile the run may have read a log that reaches further than what it had then.
            self._logged[item.id] = max(self._logged[item.id], item.start + len(item.text))
            if held[item.id]:
                running.stop()

    async def _save_ended(self) -> None:
        self._wake.clear()
        batch = dict(self._ended)
        if not batch:
            return
        try:
            saved = await self._finish([ended for ended, _ in batch.values()])
        except (DataError, IntegrityError):
            # One row that the database refuses must not hold up the others.
            saved = await self._finish_singly([ended for ended, _ in batch.values()])
        for interaction_id, (_, future) in batch.items():
            del self._ended[interaction_id]
            self.remove(interaction_id)
            if not future.done():
                future.set_result(saved.get(interaction_id))

    async def _finish(self, ended: list[Ended]) -> dict[UUID, datetime]:
        return await in_thread(leases.finish, owner=self.owner, ended=ended)

    async def _finish_singly(self, ended: list[Ended]) -> dict[UUID, datetime]:
        saved: dict[UUID, datetime] = {}
        for item in ended:
            try:
                saved |= await self._finish([item])
            except (DataError, IntegrityError):
                logger.exception("checkpoint: the end of answer %s cannot be saved", item.id)
        return saved
