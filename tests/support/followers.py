"""Clients that follow an answer and, when they are cut off, come back by themselves with the last id they got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from typing import Any

import aiohttp

from tests.support.people import Asked, Person
from tests.support.sse import Event, events
from tests.support.waiting import until

COME_BACK_S = 0.1


class Follower:
    """Follows an answer at the hosts at `urls`, at the next one each time it is cut off.

    Attributes:
        connections: responses that it has read from; last_id: the id of the last event that had one.
        has_ended: it got `done`.
    """

    def __init__(self, urls: Sequence[str], path: str, *, last_id: int | None = None) -> None:
        self._urls = urls
        self._path = path
        self.last_id = last_id
        self.connections = 0
        self.has_ended = False

    async def follow(self, client: aiohttp.ClientSession) -> None:
        for url in cycle(self._urls):
            with suppress(aiohttp.ClientError, TimeoutError, ConnectionError):  # cut off
                await self._read(client, url)
            if self.has_ended:
                return
            await asyncio.sleep(COME_BACK_S)

    async def _read(self, client: aiohttp.ClientSession, url: str) -> None:
        headers = {} if self.last_id is None else {"Last-Event-ID": str(self.last_id)}
        async with client.get(url + self._path, headers=headers) as response:
            if response.status == 503:
                return  # it is being restarted
            assert response.status == 200, await response.text()
            self.connections += 1
            async for event in events(response):
                self.take(event)
                if event.id is not None:
                    self.last_id = event.id
                self.has_ended = event.name == "done"

    def take(self, event: Event) -> None:
        raise NotImplementedError

    async def end(self, *, timeout_s: float = 20) -> None:
        """Wait until it got `done`."""
        await until(lambda: self.has_ended, timeout_s=timeout_s)


class ProgramFollower(Follower):
    """Reads the API's stream. What is missing or doubled fails it.

    Attributes:
        text: the answer from `start` on; told: the data of all `status` events; finished: the data of `done`.
    """

    def __init__(self, urls: Sequence[str], asked: Asked, *, start: int = 0) -> None:
        super().__init__(urls, f"{asked.api}stream/", last_id=start or None)
        self._start = start
        self.text = ""
        self.told: list[dict[str, Any]] = []
        self.finished: dict[str, Any] = {}

    def take(self, event: Event) -> None:
        assert not self.has_ended, "something came after the end"
        if event.name == "delta":
            data = event.json()
            assert data["offset"] == self._start + len(self.text), "text is missing or doubled"
            self.text += data["text"]
            assert event.id == self._start + len(self.text)
        elif event.name == "status":
            self.told.append(event.json())
        elif event.name == "done":
            self.finished = event.json()

    async def is_told(self, timeout_s: float = 20, **status: Any) -> None:
        """Wait until a `status` event has said this, among other things."""
        await until(lambda: any(status.items() <= one.items() for one in self.told), timeout_s=timeout_s)

    async def gets(self, characters: int, *, timeout_s: float = 20) -> None:
        """Wait until it has so many characters more than now."""
        wanted = len(self.text) + characters
        await until(lambda: len(self.text) >= wanted or self.has_ended, timeout_s=timeout_s)
        assert len(self.text) >= wanted, "the answer ended before"


class PageFollower(Follower):
    """Reads the stream of a page.

    Attributes:
        blocks: the HTML of the finished blocks, as the page appends them; message: the HTML of the finished answer.
    """

    def __init__(self, urls: Sequence[str], asked: Asked, *, start: int = 0) -> None:
        super().__init__(urls, f"/interactions/{asked.interaction_id}/stream/?from={start}")
        self.blocks: list[str] = []
        self.message = ""

    def take(self, event: Event) -> None:
        assert not self.has_ended, "something came after the end"
        if event.name == "block":
            assert event.id is not None
            assert event.id > (self.last_id or 0), "a block came twice"
            self.blocks.append(event.data)
        elif event.name == "done":
            self.message = event.data

    async def gets_a_block(self, *, timeout_s: float = 20) -> None:
        """Wait for one more block than now."""
        had = len(self.blocks)
        await until(lambda: len(self.blocks) > had, timeout_s=timeout_s)


@asynccontextmanager
async def following(*followers: Follower, person: Person) -> AsyncIterator[None]:
    """Let the followers follow. In the end they go away, whether or not their answer has ended."""
    headers = {"Authorization": f"Bearer {person.access}"}
    cookies = {"sessionid": person.session_cookie, "csrftoken": person.csrf}
    jar = aiohttp.CookieJar(unsafe=True)  # keeps cookies of an IP address, too
    jar.update_cookies(cookies)
    timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(headers=headers, cookie_jar=jar, timeout=timeout, connector=connector) as client,
        asyncio.TaskGroup() as tasks,
    ):
        running = [tasks.create_task(one.follow(client)) for one in followers]
        yield
        for task in running:
            task.cancel()
