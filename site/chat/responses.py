"""Responses that are sent as they come, for as long as an answer takes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from django.http import StreamingHttpResponse


class Unbuffered(StreamingHttpResponse):
    """A response that no proxy keeps back. It may last for minutes: its view has used the database through
    `chat.database` alone."""

    def __init__(self, pieces: AsyncGenerator[bytes], *, content_type: str) -> None:
        super().__init__(
            pieces,
            content_type=content_type,
            headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
        )
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces as they are: each layer of generators around them costs as much as an update."""
        return self._pieces
