"""The site as a web server runs it: uvicorn on a free port, with the application's own start and stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import aiohttp
import uvicorn
from django.conf import settings
from django.test import Client

from accounts.jwts import AccessToken
from accounts.models import User
from chat.database import in_thread
from config import asgi
from tests.support.waiting import until


@dataclass(frozen=True, slots=True)
class SiteServer:
    """A running site: its address, and clients that are logged in."""

    url: str

    @asynccontextmanager
    async def browser(self, user: User | None = None) -> AsyncIterator[aiohttp.ClientSession]:
        """A client with a browser's session cookie; without a user, nobody is logged in."""
        cookies = await in_thread(_session_cookie, user) if user else {}
        jar = aiohttp.CookieJar(unsafe=True)  # keeps cookies of an IP address, too
        async with aiohttp.ClientSession(self.url, cookies=cookies, cookie_jar=jar) as client:
            yield client

    @asynccontextmanager
    async def program(self, user: User) -> AsyncIterator[aiohttp.ClientSession]:
        """A client with an access token."""
        headers = {"Authorization": f"Bearer {AccessToken.for_user(user)}"}
        async with aiohttp.ClientSession(self.url, headers=headers) as client:
            yield client


def _session_cookie(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C is for the tests."""
        yield


@asynccontextmanager
async def site_server(tgi_url: str) -> AsyncIterator[SiteServer]:
    """Serve the site on the running event loop, its answers made by the inference server at `tgi_url`."""
    given = settings.ENV
    settings.ENV = given.model_copy(
        update={
            "tgi_url": tgi_url,
            "tgi_connect_timeout": 1,
            "tgi_first_token_timeout": 5,
            "tgi_token_timeout": 5,
            "tgi_retry_for": 0.5,
        }
    )
    # asyncio sends small pieces at once only over what says that it is TCP: without, each response takes 40 ms longer.
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            asgi.application,
            http="config.heads:BoundedProtocol",
            lifespan="on",
            ws="none",
            log_level="warning",
            access_log=False,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await until(lambda: server.started or serving.done())
            yield SiteServer(f"http://127.0.0.1:{listening.getsockname()[1]}")
        finally:
            asgi.drain()
            server.should_exit = True
            await serving
            settings.ENV = given
