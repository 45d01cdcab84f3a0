"""Django's ASGI handler without a thread of its own for every request.

Django starts a thread for every request, an asynchronous view's too: to look for connections to close before it and
after it; and to end that thread it starts another. Here an asynchronous view uses none (`chat.database` gives each
connection back at once), and synchronous ones share a few that stay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import ThreadSensitiveContext
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import request_started
from django.db import close_old_connections, reset_queries
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import set_script_prefix

from chat.database import call_and_release

P = ParamSpec("P")
T = TypeVar("T")

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

# More than there are connections, so that while the database is away many are told so at once.
THREADS = 64

# A request's thread has no connection before; queries are recorded only where DEBUG is on.
request_started.disconnect(close_old_connections)
request_started.disconnect(reset_queries)


class RequestThreads(Executor):
    """Threads that requests share. Each call gives its database connection back, so the next one of the same request
    may run in another thread."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._threads.submit(partial(call_and_release, call, *args, **kwargs))


class Handler(ASGIHandler):
    """Answers HTTP requests; a client that leaves cancels its view."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = RequestThreads()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        async with ThreadSensitiveContext(executor=self._threads):
            try:
                body = await self.read_body(receive)
            except RequestAborted:
                return
            with body:
                set_script_prefix(get_script_prefix(scope))
                request, refusal = self.create_request(scope, body)
                if request is None:
                    await self.send_response(refusal or HttpResponse(status=400), send)
                    return
                response = await self._until_gone(self._respond(request, send), receive)
                if response is not None:
                    response.close()

    async def _respond(self, request: HttpRequest, send: Send) -> HttpResponseBase:
        response: HttpResponseBase = await self.run_get_response(request)
        # A client that left while it was being sent: it is closed all the same.
        with suppress(asyncio.CancelledError):
            await self.send_response(response, send)
        return response

    async def _until_gone(self, work: Awaitable[HttpResponseBase], receive: Receive) -> HttpResponseBase | None:
        """The response, sent; None if the client left before there was one."""
        responding = asyncio.ensure_future(work)
        leaving = asyncio.create_task(self._left(receive))
        try:
            await asyncio.wait([responding, leaving], return_when=asyncio.FIRST_COMPLETED)
            if not responding.done():
                responding.cancel()
            return await responding
        except asyncio.CancelledError:
            return None
        finally:
            leaving.cancel()

    async def _left(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
