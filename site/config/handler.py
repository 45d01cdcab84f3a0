"""Django's ASGI handler without a thread for requests that need none.

Django starts a thread for every request, an asynchronous view's too: to look for connections to close before it and
after it. Where the view is asynchronous there are none (`chat.database` gives each back at once), so what a thread
costs, about a millisecond under load, is paid by requests that use one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import request_started
from django.db import close_old_connections, reset_queries
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import set_script_prefix

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

# A request's thread is new and has no old connection; queries are recorded only where DEBUG is on.
request_started.disconnect(close_old_connections)
request_started.disconnect(reset_queries)


class Handler(ASGIHandler):
    """Answers HTTP requests; a client that leaves cancels its view."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        async with ThreadSensitiveContext() as context:
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
                finish = response.close if response is not None else close_old_connections
                # Whoever uses a database connection in a thread gives it back in that thread.
                if context in SyncToAsync.context_to_thread_executor:
                    await sync_to_async(finish)()
                else:
                    finish()

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
