"""One streamed chat completion on a connection of its own.

The token path is where a site under load spends its time, so a token goes straight from the socket's buffer to whoever
takes it: HTTP is read by httptools, JSON by msgspec, and no task is woken on the way. Thousands of tokens a second
through an HTTP client's stream reader cost four times as much (docs/PERFORMANCE.md).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit
from uuid import UUID

import httptools
import msgspec

from inference.errors import Interrupted, TimedOut, Unreachable, from_status
from inference.protocol import Chunk, EventReader, Usage

# Of a refusal: enough for its words.
MOST_DETAIL = 2000

Take = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, until the first token of an answer, and between two tokens."""

    connect: float = 5.0
    first_token: float = 120.0
    token: float = 60.0


@dataclass(frozen=True, slots=True)
class End:
    """The end of an answer: `finish_reason` is stop, length, stop_sequence or the server's own word."""

    finish_reason: str
    prompt_tokens: int | None
    generated_tokens: int | None


class Endpoint:
    """Where chat completions are asked for.

    Raises:
        ValueError: the address is none of HTTP's, or the key cannot be sent in a header.
    """

    def __init__(self, base_url: str, api_key: str | None) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not an HTTP address: {base_url!r}")
        self.host = parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.tls = ssl.create_default_context() if parts.scheme == "https" else None
        headers = [
            f"POST {parts.path.rstrip('/')}/v1/chat/completions HTTP/1.1",
            f"Host: {parts.netloc.rpartition('@')[2]}",
            "Content-Type: application/json",
            "Accept: text/event-stream",
            "Connection: close",
        ]
        if api_key:
            if not api_key.isascii() or not api_key.isprintable():
                raise ValueError("the API key has characters that a header cannot have")
            headers.append(f"Authorization: Bearer {api_key}")
        self._head = "\r\n".join(headers)

    def request(self, body: bytes, session: UUID | None) -> bytes:
        """`session` is for a balancer before several servers: the one that answered the turn before still has its
        prompt in the cache."""
        head = f"{self._head}\r\nX-Session-Id: {session}" if session else self._head
        return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def stream(
    endpoint: Endpoint, body: bytes, take: Take, timeouts: Timeouts, *, session: UUID | None = None
) -> End:
    """Give each piece of one answer's text, never empty, to `take`; return its end. Cancelling closes the connection,
    which ends the generation on the server.

    Raises:
        InferenceError: see `errors`; after some pieces it says that this is where the answer broke off.
    """
    loop = asyncio.get_running_loop()
    answer = _Answer(endpoint.request(body, session), take, timeouts, loop)
    try:
        await _connect(endpoint, answer, timeouts.connect)
        return await answer.ended
    finally:
        answer.close()


async def _connect(endpoint: Endpoint, answer: _Answer, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().create_connection(
                lambda: answer, endpoint.host, endpoint.port, ssl=endpoint.tls
            )
    except TimeoutError as error:
        raise TimedOut(f"no connection to {endpoint.host} within {timeout_s} s") from error
    except OSError as error:
        raise Unreachable(str(error)) from error


class _Answer(asyncio.Protocol):
    """The connection: sends the request, reads the response as it comes, keeps the time."""

    def __init__(self, request: bytes, take: Take, timeouts: Timeouts, loop: asyncio.AbstractEventLoop) -> None:
        self.ended: asyncio.Future[End] = loop.create_future()
        self._request = request
        self._take = take
        self._timeouts = timeouts
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._http = httptools.HttpResponseParser(self)
        self._events = EventReader()
        self._refusal: bytearray | None = None
        self._finish_reason = ""
        self._usage: Usage | None = None
        self._has_text = False
        self._deadline = loop.time() + timeouts.first_token
        self._clock = loop.call_at(self._deadline, self._look_at_clock)

    def close(self) -> None:
        """Nothing more is wanted of it. What was not sent or read yet is dropped."""
        self._clock.cancel()
        if not self.ended.cancel() and not self.ended.cancelled():
            self.ended.exception()  # looked at, so that nobody reports it as forgotten
        if self._transport is not None:
            self._transport.abort()

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.ended.done():
            return
        try:
            self._http.feed_data(data)
        except httptools.HttpParserError as error:
            # What the callbacks below raise arrives wrapped.
            cause = error.__context__
            self._fail(cause if isinstance(cause, Exception) else Interrupted(f"no HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(Interrupted(f"the connection was lost: {exc or 'closed by the server'}"))

    # What the HTTP parser calls

    def on_headers_complete(self) -> None:
        if self._http.get_status_code() != 200:
            self._refusal = bytearray()

    def on_body(self, data: bytes) -> None:
        if self._refusal is not None:
            self._refusal += data[: MOST_DETAIL - len(self._refusal)]
            return
        for chunk in self._events.feed(data):
            self._read(chunk)
        if self._events.done:
            self._end()

    def on_message_complete(self) -> None:
        if self._refusal is not None:
            self._fail(from_status(self._http.get_status_code(), error_text(self._refusal.decode(errors="replace"))))
        else:
            self._end()

    # What they mean

    def _read(self, chunk: Chunk) -> None:
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices:
            self._finish_reason = choice.finish_reason or self._finish_reason
            if text := choice.delta.content:
                self._deadline = self._loop.time() + self._timeouts.token
                if not self._has_text:
                    self._has_text = True
                    self._set_clock()
                self._take(text)

    def _end(self) -> None:
        if not self._finish_reason:
            self._fail(Interrupted("the stream ended without a finish reason"))
        elif not self.ended.done():
            usage = self._usage
            self.ended.set_result(
                End(
                    self._finish_reason,
                    usage.prompt_tokens if usage else None,
                    usage.completion_tokens if usage else None,
                )
            )

    def _fail(self, error: Exception) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)

    def _set_clock(self) -> None:
        self._clock.cancel()
        self._clock = self._loop.call_at(self._deadline, self._look_at_clock)

    def _look_at_clock(self) -> None:
        """A token only moves the deadline: the timer looks, when it is due, whether it was moved."""
        if self._loop.time() < self._deadline:
            self._set_clock()
        else:
            self._fail(TimedOut("no token in time"))


class _ErrorBody(msgspec.Struct):
    error: str | dict[str, object] = ""


def error_text(body: str) -> str:
    """The server's own words: TGI's `error`, OpenAI's `error.message`, or the body as it is."""
    try:
        error = msgspec.json.decode(body, type=_ErrorBody).error
    except msgspec.DecodeError:
        return body
    return error if isinstance(error, str) and error else str(error.get("message", body)) if error else body
