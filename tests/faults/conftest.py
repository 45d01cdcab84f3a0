"""The stack of these tests: a database and two hosts of their own, and a model that does what it is told.

Everything is shared by all tests of the folder; each test has a person of its own, and finds both hosts alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.database import Database
from tests.support.deployment import Deployment
from tests.support.hosts import Host
from tests.support.model import Model
from tests.support.people import Person
from tests.support.stub_tgi import Behaviour
from tests.support.waiting import until

# Seconds. Short enough to wait for, and long enough for a busy machine to keep.
RETRY_FOR = 2
FIRST_TOKEN_TIMEOUT = 3
TOKEN_TIMEOUT = 2


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _model() -> AsyncIterator[Model]:
    model = Model()
    await model.arrive()
    yield model
    await model.go_away()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _deployment(tmp_path_factory: pytest.TempPathFactory, _model: Model) -> AsyncIterator[Deployment]:
    started = Deployment(
        tmp_path_factory.mktemp("faults"),
        _model.url,
        TGI_CONNECT_TIMEOUT="1",
        TGI_FIRST_TOKEN_TIMEOUT=str(FIRST_TOKEN_TIMEOUT),
        TGI_TOKEN_TIMEOUT=str(TOKEN_TIMEOUT),
        TGI_RETRY_FOR=str(RETRY_FOR),
    )
    try:
        await started.start()
        yield started
    finally:
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def model(_model: Model) -> AsyncIterator[Model]:
    """The model, as it is when nobody says otherwise. In the end it finishes whatever is left quickly."""
    _model.speak(Behaviour().pieces, delay_s=0)
    _model.requests.clear()
    yield _model
    _model.hurry()
    _model.behaviour.refuse_with = None
    await until(lambda: not _model.running)


@pytest_asyncio.fixture(loop_scope="session")
async def deployment(_deployment: Deployment, model: Model) -> Deployment:
    await asyncio.gather(*(host.start() for host in _deployment.hosts))
    return _deployment


@pytest.fixture
def first(deployment: Deployment) -> Host:
    return deployment.hosts[0]


@pytest.fixture
def second(deployment: Deployment) -> Host:
    return deployment.hosts[1]


@pytest.fixture
def database(deployment: Deployment) -> Database:
    return deployment.database


@pytest.fixture
def person(deployment: Deployment) -> Person:
    return deployment.person()
