"""Server-sent events as TGI writes them: framing, keep-alive, and an end when the client leaves."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

KEEP_ALIVE_SECONDS = 15.0
KEEP_ALIVE = b":\n\n"
DONE = b"data: [DONE]\n\n"
HEADERS = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache",
    # Proxies would collect the events otherwise.
    "x-accel-buffering": "no",
}


def frame(event: Any) -> bytes:
    """One event. JSON has no raw line break, so one ``data:`` line is enough."""
    return b"data: " + msgspec.json.encode(event) + b"\n\n"


async def wait_for_disconnect(receive: Receive) -> None:
    """Return once the client is gone; the body must have been read before."""
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """Sends frames as they come. The frames' generator is closed in every case: at its end, when the client
    disconnects, when the server shuts down."""

    def __init__(self, frames: AsyncGenerator[bytes, None], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(None, headers={**HEADERS, **(headers or {})})
        # Response counts the empty body it was given.
        del self.headers["content-length"]
        self._frames = frames
        self._last_sent = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one response; the ASGI entry."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        pump = asyncio.create_task(self._pump(send))
        keep_alive = asyncio.create_task(self._keep_alive(send))
        gone = asyncio.create_task(wait_for_disconnect(receive))
        tasks = (pump, keep_alive, gone)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        failure = results[0]
        if isinstance(failure, Exception):
            raise failure

    async def _pump(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        async with aclosing(self._frames) as frames:
            async for data in frames:
                self._last_sent = loop.time()
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _keep_alive(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        self._last_sent = loop.time()
        while True:
            idle = loop.time() - self._last_sent
            if idle < KEEP_ALIVE_SECONDS:
                await asyncio.sleep(KEEP_ALIVE_SECONDS - idle)
                continue
            self._last_sent = loop.time()
            await send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})
