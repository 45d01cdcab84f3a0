"""Following an answer: what there is from an offset on, then what comes, from whichever process makes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import Error as DatabaseError

from chat import leases
from chat.database import in_thread
from chat.feed import Feed
from chat.leases import Logged
from chat.models import UNFINISHED, Interaction
from chat.relay import Listener

if TYPE_CHECKING:
    from chat.process import ChatProcess

logger = logging.getLogger(__name__)

TICK_S = 0.25
HEARTBEAT_S = 15.0
# At most 20 updates a second for one reader: more cannot be read, and each costs both ends. What comes meanwhile is in
# the next update.
LEAST_GAP_S = 0.05
# With many readers the gap grows, up to a limit at which text is still on time: what an update costs is much the same
# for one token and for five.
GAP_PER_FOLLOWER_S = 0.0002
LONGEST_GAP_S = 0.08


@dataclass(frozen=True, slots=True)
class Update:
    """What is new since the update before.

    Attributes:
        offset: characters of the answer before `text`.
        text: the new text; may be empty (a new status, or a heartbeat after 15 s without news).
        status, waiting_for, place: as in Feed.
        finished: the saved interaction; with it the answer is whole and this is the last update.
    """

    offset: int
    text: str
    status: str
    waiting_for: str
    place: int | None
    finished: Interaction | None


async def follow(process: ChatProcess, interaction_id: UUID, *, offset: int = 0) -> AsyncGenerator[Update]:
    """Yield an update for everything that is new from `offset` characters on, until the answer has ended.

    An update holds all that came while its reader was busy, so a slow reader costs no memory. The generator ends
    without `finished` when the interaction is deleted, or when this process is shutting down (the client is
    expected to come back with the offset it has).
    """
    while not process.draining.is_set():
        feed, attached = _attach(process, interaction_id)
        process.followers += 1
        try:
            seen = -1
            while True:
                changed = await feed.changed(seen, timeout_s=HEARTBEAT_S)
                if changed and feed.closed and feed.finished is None:
                    break  # somebody else has the answer now, or it is gone
                seen = feed.version
                update = _update(feed, offset)
                # The feed goes on while the reader is busy with this; what decides is what the reader got.
                yield update
                offset += len(update.text)
                if update.finished is not None:
                    return
                if update.text:  # the first piece is never held back
                    await feed.pause(_gap(process.followers))
        finally:
            process.followers -= 1
            if attached:
                process.log_reader.detach(feed)
        if attached and feed.gone:
            return


def _gap(followers: int) -> float:
    return min(LEAST_GAP_S + GAP_PER_FOLLOWER_S * followers, LONGEST_GAP_S)


def _update(feed: Feed, offset: int) -> Update:
    return Update(offset, feed.text[offset:], feed.status, feed.waiting_for, feed.place, feed.finished)


def _attach(process: ChatProcess, interaction_id: UUID) -> tuple[Feed, bool]:
    run = process.runs.get(interaction_id)
    if run is not None and not run.feed.closed:
        return run.feed, False
    return process.log_reader.attach(interaction_id), True


class LogReader:
    """Feeds of answers that other processes make: one read of the log a tick, for all of them together. What a process
    of this host makes is read once, and heard of through the relay from there on."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._feeds: dict[UUID, Feed] = {}
        self._followers: dict[UUID, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    def attach(self, interaction_id: UUID) -> Feed:
        """The feed of an answer; `detach` it in the end."""
        feed = self._feeds.setdefault(interaction_id, Feed(interaction_id))
        self._followers[interaction_id] = self._followers.get(interaction_id, 0) + 1
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="log reader")
        return feed

    def detach(self, feed: Feed) -> None:
        self._followers[feed.interaction_id] -= 1
        if not self._followers[feed.interaction_id]:
            del self._followers[feed.interaction_id]
            self._feeds.pop(feed.interaction_id, None)
            self._listener.leave(feed.interaction_id)

    def close(self) -> None:
        for feed in self._feeds.values():
            feed.close()
        self._listener.close()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while self._feeds:
            self._wake.clear()
            try:
                await self._tick()
            except (DatabaseError, OSError) as error:
                logger.warning("log reader: the database is away, trying again: %s", error)
            try:
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _tick(self) -> None:
        feeds = [
            feed for feed in self._feeds.values() if not feed.closed and not self._listener.hears(feed.interaction_id)
        ]
        if not feeds:
            return
        found = await in_thread(leases.read_log, [(feed.interaction_id, len(feed.text)) for feed in feeds])
        ended = [pk for pk, row in found.items() if row.status not in UNFINISHED]
        finished = await in_thread(_load, ended) if ended else {}
        for feed in feeds:
            row = found.get(feed.interaction_id)
            _advance(feed, row, finished.get(feed.interaction_id))
            if row is not None and not feed.closed and feed.interaction_id in self._feeds:
                await self._listener.follow(row.lease_owner, feed, self._wake.set)


def _advance(feed: Feed, row: Logged | None, finished: Interaction | None) -> None:
    if feed.closed:
        return
    if row is None:
        feed.gone = True
        feed.close()
    elif finished is not None and finished.is_finished:
        feed.finish(finished)
    elif row.text:
        feed.append(row.text)
    elif row.status in UNFINISHED:
        feed.set_status(row.status, place=row.place)


def _load(ids: list[UUID]) -> dict[UUID, Interaction]:
    return Interaction.objects.in_bulk(ids)
