"""The threads and database connections of synchronous views, over real connections to a real server."""

from __future__ import annotations

import asyncio
import threading

from django.db import connection

from accounts.models import User
from chat.database import in_thread
from config.handler import THREADS
from tests.support.site_server import SiteServer


def threads() -> int:
    """How many request threads there are."""
    return sum(thread.name.startswith("request") for thread in threading.enumerate())


async def pages(site: SiteServer, user: User, count: int) -> None:
    """That many at once, each read by a client of its own."""

    async def page() -> None:
        async with site.browser(user) as client, client.get("/chat/") as response:
            assert (response.status, "New chat" in await response.text()) == (200, True)

    await asyncio.gather(*(page() for _ in range(count)))


async def test_requests_share_threads(site: SiteServer, owner: User):
    for _ in range(5):
        await pages(site, owner, 1)
    before = threads()
    for _ in range(5):
        await pages(site, owner, 1)
    assert 1 <= before == threads() <= THREADS


def lent() -> int:
    """Connections of the database that are in use, this one included."""
    connection.ensure_connection()
    stats = connection.pool.get_stats()  # type: ignore[attr-defined]  # psycopg's pool
    return int(stats["pool_size"]) - int(stats["pool_available"])


async def test_a_page_gives_its_connection_back(site: SiteServer, owner: User):
    """More pages at once than the pool has connections."""
    most = connection.settings_dict["OPTIONS"]["pool"]["max_size"]
    before = await in_thread(lent)
    await pages(site, owner, most + 4)
    assert await in_thread(lent) == before


async def test_whoever_looks_before_a_file_is_read_gives_the_connection_back(site: SiteServer, owner: User):
    async with site.browser(owner) as client:
        await in_thread(User.objects.filter(pk=owner.pk).update, is_active=False)
        before = await in_thread(lent)
        async with client.post("/chat/import/", data={"file": "none"}, allow_redirects=False) as response:
            assert response.status == 302
        assert await in_thread(lent) == before
