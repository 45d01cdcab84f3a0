"""One answer, asked for and followed to its end: at the engine directly, as a browser does, as an API client does."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode

from bench.http import Failed, request

STAMP = re.compile(rb"\bt(\d{6,})\b")
STREAM = re.compile(rb'sse-connect="([^"]+)"')
FORM = {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}
JSON = {"Content-Type": "application/json"}


@dataclass(slots=True)
class Followed:
    """What a follower saw; times in seconds of the monotonic clock.

    Attributes:
        asked, ended: when the question was sent, when the end arrived.
        arrivals: when each update with text arrived.
        delays: for each token, how long before its arrival it was due at the engine.
        tokens: tokens in the text as it arrived.
        key: what the saved answer is found by, "" where none is saved.
    """

    asked: float
    arrivals: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    tokens: int = 0
    ended: float = 0.0
    key: str = ""

    def see(self, stamps: list[bytes]) -> None:
        now = time.monotonic()
        self.arrivals.append(now)
        self.delays += [now - int(stamp) / 1000 for stamp in stamps]


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who asks: a browser's cookies and form token, and an access token."""

    session_cookie: str
    csrf: str
    access: str


Follower = Callable[[Account], Awaitable[Followed]]


def direct(port: int) -> Follower:
    """Straight from the engine: the yardstick."""
    body = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "stream": True}).encode()

    async def follow(account: Account) -> Followed:
        seen = Followed(time.monotonic())
        response = await request(port, "POST", "/v1/chat/completions", headers=JSON, body=body)
        async for piece in response.pieces():
            if stamps := STAMP.findall(piece):
                seen.tokens += len(stamps)
                seen.see(stamps)
        seen.ended = time.monotonic()
        response.close()
        return seen

    return follow


def api(port: int) -> Follower:
    """POST /api/chat/ with `stream: true`."""
    body = json.dumps({"message": "Hi", "stream": True}).encode()

    async def follow(account: Account) -> Followed:
        seen = Followed(time.monotonic())
        headers = JSON | {"Authorization": f"Bearer {account.access}"}
        response = await request(port, "POST", "/api/chat/", headers=headers, body=body)
        if response.status != 200:
            raise Failed(f"POST /api/chat/ answered {response.status}: {(await response.body())[:200]!r}")
        async for piece in response.pieces():
            live, _, done = piece.partition(b"event: done\ndata: ")
            if stamps := STAMP.findall(_text(live)):
                seen.tokens += len(stamps)
                seen.see(stamps)
            if done:
                seen.key = json.loads(done)["id"]
        seen.ended = time.monotonic()
        response.close()
        return seen

    return follow


def _text(events: bytes) -> bytes:
    delta = events.partition(b"event: delta")[2].partition(b"data: ")[2]
    return str(json.loads(delta)["text"]).encode() if delta else b""


def browser(port: int) -> Follower:
    """POST /chat/ as HTMX does, then the answer's event stream over the same connection. Tokens are counted in the
    finished message."""

    async def follow(account: Account) -> Followed:
        seen = Followed(time.monotonic())
        cookie = f"sessionid={account.session_cookie}; csrftoken={account.csrf}"
        body = urlencode({"query": "Hi", "csrfmiddlewaretoken": account.csrf}).encode()
        response = await request(port, "POST", "/chat/", headers=FORM | {"Cookie": cookie}, body=body)
        page = await response.body()
        found = STREAM.search(page)
        if response.status != 200 or found is None:
            raise Failed(f"POST /chat/ answered {response.status}: {page[:200]!r}")
        path = unescape(found[1].decode())
        seen.key = path.split("/")[2]
        stream = await request(port, "GET", path, headers={"Cookie": cookie}, after=response)
        last = 0
        async for piece in stream.pieces():
            live, _, done = piece.partition(b"event: done")
            if done:
                seen.tokens = len(STAMP.findall(done.partition(b"answer-actions")[0]))
            if new := [stamp for stamp in STAMP.findall(live) if int(stamp) > last]:
                last = int(new[-1])
                seen.see(new)
        seen.ended = time.monotonic()
        stream.close()
        return seen

    return follow
