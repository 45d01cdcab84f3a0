"""The site as docker-compose.gpu.yml has it: web processes of their own behind the project's proxy, with TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.deploy.proxy import DOMAIN, Proxy, running_proxy
from tests.deploy.replica import Replica
from tests.support.deployment import Deployment
from tests.support.model import Model
from tests.support.people import Person
from tests.support.stub_tgi import Behaviour
from tests.support.waiting import until


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _model() -> AsyncIterator[Model]:
    model = Model()
    await model.arrive()
    yield model
    await model.go_away()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def deployment(tmp_path_factory: pytest.TempPathFactory, _model: Model) -> AsyncIterator[Deployment]:
    names = f"{DOMAIN},127.0.0.1"
    folder = tmp_path_factory.mktemp("deploy")
    started = Deployment(folder, _model.url, HTTPS="true", ALLOWED_HOSTS=names)
    try:
        await started.start()
        # The two that it starts hold their address while they are away, which containers do not.
        await asyncio.gather(*(host.close() for host in started.hosts))
        started.hosts = []
        yield started
    finally:
        await started.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _replicas(tmp_path_factory: pytest.TempPathFactory, deployment: Deployment) -> AsyncIterator[list[Replica]]:
    folder = tmp_path_factory.mktemp("replicas")
    started = [Replica(deployment.environment, folder / f"{number}.log") for number in (1, 2)]
    yield started
    await asyncio.gather(*(replica.stop() for replica in started))


@pytest_asyncio.fixture(loop_scope="session")
async def replicas(_replicas: list[Replica]) -> list[Replica]:
    """Two web processes, running."""
    await asyncio.gather(*(replica.start() for replica in _replicas))
    return _replicas


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def proxy(tmp_path_factory: pytest.TempPathFactory, _replicas: list[Replica]) -> AsyncIterator[Proxy]:
    """The proxy in front of the two."""
    sites = " ".join(f"127.0.0.1:{replica.port}" for replica in _replicas)
    async with running_proxy(tmp_path_factory.mktemp("proxy") / "caddy", UPSTREAMS="listed", SITES=sites) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def model(_model: Model) -> AsyncIterator[Model]:
    """The model, as it is when nobody says otherwise. In the end it finishes whatever is left quickly."""
    _model.speak(Behaviour().pieces, delay_s=0)
    _model.requests.clear()
    yield _model
    _model.hurry()
    await until(lambda: not _model.running)


@pytest.fixture
def person(deployment: Deployment) -> Person:
    return deployment.person()
