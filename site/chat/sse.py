"""Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from django.http import HttpRequest

from chat.responses import Unbuffered

# Milliseconds until a client that was cut off comes back.
RETRY_MS = 1000


def event(name: str, data: str, *, id_: int | None = None) -> bytes:
    """One event. Every kind of line end that the format knows is kept inside `data`, as a line feed."""
    head = f"event: {name}\n" if id_ is None else f"event: {name}\nid: {id_}\n"
    if "\n" not in data and "\r" not in data:
        return f"{head}data: {data}\n\n".encode()
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return (head + "".join(f"data: {line}\n" for line in lines) + "\n").encode()


def comment() -> bytes:
    """Nothing, sent so that proxies keep the connection open."""
    return b":\n\n"


def last_event_id(request: HttpRequest) -> int | None:
    """The offset that a client comes back with; None if it has none, or one that is not ours."""
    value = request.headers.get("Last-Event-ID", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


class EventStream(Unbuffered):
    """A response that is a stream of events."""

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        super().__init__(events, content_type="text/event-stream")


def retry() -> bytes:
    """First in every stream: when to come back after a cut."""
    return f"retry: {RETRY_MS}\n\n".encode()
