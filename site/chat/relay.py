"""Answers told from process to process on one host, over Unix sockets: a follower whose request came to another
process than the one that makes the answer gets the text as soon as that one has it, not when the log has been written
and read.

Each process listens on a socket named after the lease owner that it is, so the log says where to ask. Two processes
share one connection, and news of all answers that are followed over it go in one message a tick: the cost grows with
time, not with streams. Where there is no such socket (another host, another container) the log is read as before.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

import msgspec

from chat.feed import Feed

logger = logging.getLogger(__name__)

TICK_S = 0.02
# A message may hold a whole answer, for a follower that knows nothing of it yet.
LONGEST_MESSAGE = 2**27
# A socket that nobody listens on belongs to another host or a dead process; it is not tried again for each follower.
FORGET_AFTER_S = 10.0


class Wish(msgspec.Struct, array_like=True):
    """From the follower: tell me of this answer from `offset` characters on, or, with None, no longer."""

    id: UUID
    offset: int | None


class News(msgspec.Struct, array_like=True):
    """From the maker: new `text` of an answer and its state. After `ended` the database knows more."""

    id: UUID
    text: str
    status: str
    waiting_for: str
    place: int | None
    ended: bool


_wish = msgspec.json.Decoder(Wish).decode
_news = msgspec.json.Decoder(list[News]).decode


class Making(Protocol):
    """What is told about: a run."""

    @property
    def feed(self) -> Feed: ...


@dataclass(slots=True)
class _Told:
    """How far one follower is in one answer."""

    feed: Feed
    offset: int
    version: int = -1

    def news(self) -> News | None:
        """What it has not been told; None for nothing."""
        feed = self.feed
        if feed.version == self.version:
            return None
        self.version = feed.version
        text = feed.text[self.offset :]
        self.offset += len(text)
        return News(feed.interaction_id, text, feed.status, feed.waiting_for, feed.place, feed.closed)


class Teller:
    """Tells other processes of the answers that this one makes."""

    def __init__(self, owner: str, makings: Mapping[UUID, Making]) -> None:
        self._path = socket_path(owner)
        self._makings = makings
        self._server: asyncio.Server | None = None
        self._followers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen; without a socket (no such folder, no such sockets) followers read the log."""
        try:
            _make_folder(self._path.parent)
            await asyncio.to_thread(_remove_dead_sockets, self._path.parent)
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LONGEST_MESSAGE)
        except (OSError, NotImplementedError) as error:
            logger.warning("no relay between processes, followers read the log: %s", error)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for writer in self._followers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told: dict[UUID, _Told] = {}
        changed = asyncio.Event()
        self._followers.add(writer)
        telling = asyncio.create_task(_tell(writer, told, changed))
        try:
            while line := await reader.readline():
                self._hear(_wish(line), told, changed)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            logger.warning("relay: a follower was lost: %s", error)
        finally:
            telling.cancel()
            for one in told.values():
                one.feed.watchers.discard(changed.set)
            self._followers.discard(writer)
            writer.close()

    def _hear(self, wish: Wish, told: dict[UUID, _Told], changed: asyncio.Event) -> None:
        if wish.offset is None:
            if left := told.pop(wish.id, None):
                left.feed.watchers.discard(changed.set)
            return
        making = self._makings.get(wish.id)
        feed = making.feed if making else _ended(wish.id)
        feed.watchers.add(changed.set)
        told[wish.id] = _Told(feed, wish.offset)
        changed.set()


def _ended(interaction_id: UUID) -> Feed:
    """Of an answer that is not made here, or no longer."""
    feed = Feed(interaction_id)
    feed.close()
    return feed


async def _tell(writer: asyncio.StreamWriter, told: dict[UUID, _Told], changed: asyncio.Event) -> None:
    with suppress(OSError):
        while True:
            await changed.wait()
            changed.clear()
            batch = [news for one in told.values() if (news := one.news())]
            for news in batch:
                if news.ended:
                    told.pop(news.id).feed.watchers.discard(changed.set)
            if batch:
                writer.write(msgspec.json.encode(batch) + b"\n")
                await writer.drain()
            await asyncio.sleep(TICK_S)


class Listener:
    """Hears of answers from the processes that make them, into feeds."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._peers: dict[str, asyncio.Task[_Peer | None]] = {}
        self._heard: dict[UUID, _Peer] = {}
        self._told_all: dict[UUID, str] = {}

    def hears(self, interaction_id: UUID) -> bool:
        """Whether this answer's feed is kept up to date here."""
        return interaction_id in self._heard

    async def follow(self, owner: str, feed: Feed, on_end: Callable[[], None]) -> None:
        """Hear of an answer that `owner` makes, if that is a process of this host; `on_end` is called when no more will
        come, whatever the reason."""
        if owner in {"", self._owner, self._told_all.get(feed.interaction_id)}:
            return
        connecting = self._peers.get(owner)
        if connecting is None:
            connecting = self._peers[owner] = asyncio.create_task(self._connect(owner))
        peer = await asyncio.shield(connecting)
        if peer is None or feed.closed:
            return
        self._heard[feed.interaction_id] = peer
        peer.follow(feed, lambda: self._end(owner, feed.interaction_id, on_end))

    def leave(self, interaction_id: UUID) -> None:
        """Nobody follows it here any more."""
        self._told_all.pop(interaction_id, None)
        if peer := self._heard.pop(interaction_id, None):
            peer.leave(interaction_id)

    def close(self) -> None:
        for connecting in self._peers.values():
            connecting.cancel()
            if connecting.done() and not connecting.cancelled() and (peer := connecting.result()):
                peer.close()

    def _end(self, owner: str, interaction_id: UUID, on_end: Callable[[], None]) -> None:
        # What it left unfinished it does not go on with: until somebody else has it, the log is read.
        self._told_all[interaction_id] = owner
        self._heard.pop(interaction_id, None)
        on_end()

    async def _connect(self, owner: str) -> _Peer | None:
        loop = asyncio.get_running_loop()
        try:
            reader, writer = await asyncio.open_unix_connection(socket_path(owner), limit=LONGEST_MESSAGE)
        except (OSError, NotImplementedError):
            loop.call_later(FORGET_AFTER_S, self._peers.pop, owner, None)
            return None
        return _Peer(reader, writer, lambda: self._peers.pop(owner, None))


class _Peer:
    """The connection to one other process."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_lost: Callable[[], object]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_lost = on_lost
        self._feeds: dict[UUID, tuple[Feed, Callable[[], None]]] = {}
        self._lost = False
        self._listening = asyncio.create_task(self._listen(), name="relay")

    def follow(self, feed: Feed, on_end: Callable[[], None]) -> None:
        if self._lost:
            on_end()
            return
        self._feeds[feed.interaction_id] = (feed, on_end)
        self._wish(Wish(feed.interaction_id, len(feed.text)))

    def leave(self, interaction_id: UUID) -> None:
        if self._feeds.pop(interaction_id, None):
            self._wish(Wish(interaction_id, None))

    def close(self) -> None:
        self._listening.cancel()

    def _wish(self, wish: Wish) -> None:
        self._writer.write(msgspec.json.encode(wish) + b"\n")

    async def _listen(self) -> None:
        try:
            while line := await self._reader.readline():
                for news in _news(line):
                    self._take(news)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            logger.warning("relay: a process was lost: %s", error)
        finally:
            self._lost = True
            self._on_lost()
            self._writer.close()
            ends = [on_end for _, on_end in self._feeds.values()]
            self._feeds.clear()
            for on_end in ends:
                on_end()

    def _take(self, news: News) -> None:
        if news.id not in self._feeds:
            return
        feed, on_end = self._feeds[news.id]
        if news.text:
            feed.append(news.text)
        if news.ended:
            del self._feeds[news.id]
            on_end()
        elif not news.text:
            feed.set_status(news.status, waiting_for=news.waiting_for, place=news.place)


def socket_path(owner: str) -> Path:
    """Where the process that is this lease owner listens: not under DATA_DIR, since 104 bytes is as long as the path of
    a socket may be on some systems."""
    return Path(tempfile.gettempdir()) / f"parley-{os.getuid()}" / f"{owner.rpartition(':')[2]}.sock"


def _make_folder(folder: Path) -> None:
    """Nobody else may look in: whoever may connect may read every answer.

    Raises:
        PermissionError: it is there, and somebody else's.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a private folder of this user")


def _remove_dead_sockets(folder: Path) -> None:
    """What processes left that had no time to."""
    for path in folder.glob("*.sock"):
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            except OSError:
                continue
