"""What the contract is checked against: the server at TGI_URL, or else the local one with each of its engines."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import aiohttp
import pytest

from tests.settings import CONTRACT_SERVER
from tests.tgi.contract.differences import LACKS, Feature
from tests.tgi.serverprocess import run_server

API_KEY = "a-key-of-the-tests"
# Few permits, so that filling them all takes a moment; as many as requests run side by side in a test.
PERMITS = 8
NO_TRANSFORMERS = "transformers is not installed: pip install -r tgi/requirements-transformers.txt"


@dataclass(frozen=True)
class Target:
    """A server under test. ``engine`` is a row of the table of differences."""

    engine: str
    url: str
    key: str | None

    @property
    def headers(self) -> dict[str, str]:
        """What a client has to send."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def lacks(self, feature: Feature) -> bool:
        """Whether the table says so."""
        return feature in LACKS[self.engine]


def engines() -> list[object]:
    """The names to run the suite with: TGI_ENGINE says which row of the table the server at TGI_URL is."""
    if CONTRACT_SERVER["TGI_URL"]:
        engine = CONTRACT_SERVER["TGI_ENGINE"] or "tgi"
        if engine not in LACKS:
            raise pytest.UsageError(f"TGI_ENGINE={engine}: not one of {', '.join(LACKS)}")
        return [engine]
    missing = find_spec("torch") is None or find_spec("transformers") is None
    return ["llamacpp", pytest.param("transformers", marks=pytest.mark.skipif(missing, reason=NO_TRANSFORMERS))]


@pytest.fixture(scope="session", params=engines())
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """One server for all tests."""
    engine = request.param
    if given := CONTRACT_SERVER["TGI_URL"]:
        yield Target(engine, given.rstrip("/"), CONTRACT_SERVER["TGI_API_KEY"])
        return
    arguments = () if engine == "llamacpp" else ("--engine", engine)
    with run_server(*arguments, "--max-concurrent-requests", str(PERMITS), API_KEY=API_KEY) as server:
        yield Target(engine, server.url, API_KEY)
        server.process.kill()
        assert "Traceback" not in server.last_words(), server.last_words()


@pytest.fixture
async def http(target: Target) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of it, with its key."""
    async with aiohttp.ClientSession(target.url, headers=target.headers) as session:
        yield session
