"""Fixtures for all tests: users, an engine stub, the answers of one web process, and the whole stack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from accounts.models import User
from chat.process import ChatProcess, set_current
from inference.client import InferenceClient
from inference.stream import Timeouts
from limits.allowances import allowances
from tests.support.site_server import SiteServer, site_server
from tests.support.stack import Stack, running_stack
from tests.support.stub_tgi import StubTgi

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def nothing_spent() -> None:
    """What other tests used up is not missed here."""
    allowances.clear()


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("owner", password=PASSWORD)


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create_user("stranger", password=PASSWORD)


@pytest.fixture
async def stub() -> AsyncIterator[StubTgi]:
    async with StubTgi() as running:
        yield running


@pytest.fixture
async def process(transactional_db: None, stub: StubTgi) -> AsyncIterator[ChatProcess]:
    """The answers of this process, made by the stub; `current()` gives it, as in a web process."""
    client = InferenceClient(stub.url, timeouts=Timeouts(connect=1, first_token=2, token=2))
    running = ChatProcess(client, retry_for_s=1)
    await running.start()
    set_current(running)
    yield running
    set_current(None)
    await running.stop()


@pytest.fixture
async def site(transactional_db: None, stub: StubTgi) -> AsyncIterator[SiteServer]:
    """The whole site behind a real socket, its answers made by the stub."""
    async with site_server(stub.url) as running:
        yield running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All of Parley with the real model, as `make run` starts it; shared by every test that needs it."""
    with running_stack(tmp_path_factory.mktemp("stack") / "data") as started:
        yield started
