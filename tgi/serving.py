"""What every route shares: the engine with its limits, bodies in, JSON out, and clients that leave early."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tgi.engines.base import Engine
from tgi.errors import OverloadedError, RequestRejectedError
from tgi.metrics import Metrics
from tgi.protocol.requests import MAX_BODY_BYTES, decode
from tgi.protocol.validation import Limits
from tgi.sse import wait_for_disconnect

Shape = TypeVar("Shape")
Item = TypeVar("Item")
CLIENT_CLOSED_REQUEST = 499


class Permits:
    """At most so many requests at once; one more is refused, not queued. TGI's overload rule."""

    def __init__(self, limit: int) -> None:
        self._free = limit

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold one permit; raises ``OverloadedError`` when there is none."""
        if not self._free:
            raise OverloadedError
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


@dataclass(frozen=True, slots=True)
class Service:
    """One model being served."""

    engine: Engine
    model_id: str
    limits: Limits
    permits: Permits
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", Metrics(self.limits))

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Around a request, before it is validated: its permit, and its place in /metrics.

        Raises ``OverloadedError``.
        """
        with self.metrics.request(), self.permits.hold():
            yield

    def model_name(self, asked_for: str | None) -> str:
        """The model's name in an answer: what the request called it, and "tgi" is the one served."""
        return self.model_id if asked_for in (None, "tgi") else asked_for


class JSONResponse(Response):
    """A body encoded by msgspec."""

    media_type = "application/json"

    def __init__(self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(msgspec.json.encode(body), status, headers)


async def read_body(request: Request, shape: type[Shape]) -> Shape:
    """The request's body as ``shape``; raises ``RequestRejectedError``, 413 for more than 2,000,000 bytes."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise RequestRejectedError(413, "Failed to buffer the request body: length limit exceeded")
    try:
        return decode(bytes(body), request.headers.get("content-type"), shape)
    except RecursionError:
        raise RequestRejectedError(400, "Failed to parse the request body as JSON: it is nested too deeply") from None


async def unless_disconnected(request: Request, answer: Coroutine[Any, Any, Response]) -> Response:
    """The answer; a client that leaves before it is ready cancels the work."""
    work = asyncio.create_task(answer)
    gone = asyncio.create_task(wait_for_disconnect(request.receive))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    finally:
        work.cancel()
        gone.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)
