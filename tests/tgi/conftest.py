"""One server for all tests of the local server, and a small one for its limits. ``contract/`` has its own."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.tgi.serverprocess import Running, run_server

API_KEY = "a-key-of-the-tests"


@pytest.fixture(scope="session")
def base_url() -> Iterator[str]:
    """Where a server with default settings answers."""
    with run_server() as server:
        yield server.url


@pytest.fixture(scope="session")
def limited() -> Iterator[Running]:
    """The local server with one slot, two permits, short answers and a key."""
    arguments = ("--max-batch-size", "1", "--max-concurrent-requests", "2", "--max-total-tokens", "1024")
    with run_server(*arguments, API_KEY=API_KEY) as server:
        yield server


@pytest.fixture
async def http(base_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the server with default settings."""
    async with aiohttp.ClientSession(base_url) as session:
        yield session


@pytest.fixture
async def limited_http(limited: Running) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the limited server, with its key."""
    async with aiohttp.ClientSession(limited.url, headers={"Authorization": f"Bearer {API_KEY}"}) as session:
        yield session
