"""Two loaded engines for all of these tests, which share their event loop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.tgi.transformers.running import LINES, save_small_model
from tgi.engines.transformers import TransformersEngine, TransformersOptions
from tgi.models import resolve


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine() -> AsyncIterator[TransformersEngine]:
    """The bundled model, from its GGUF file."""
    # In float32 what else is in a batch changes only the last bits.
    options = TransformersOptions(resolve(None).path, device="cpu", dtype="float32", threads=2, slots=LINES)
    loaded = TransformersEngine(options)
    await loaded.start()
    yield loaded
    await loaded.aclose()


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Llama of two layers and random weights: its steps take no time."""
    return save_small_model("llama", tmp_path_factory.mktemp("small") / "llama")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def small(small_model: Path) -> AsyncIterator[TransformersEngine]:
    """An engine with it, for what does not depend on what is written."""
    options = TransformersOptions(
        small_model, device="cpu", dtype="float32", slots=LINES, max_batch_total_tokens=LINES * 1024
    )
    loaded = TransformersEngine(options)
    await loaded.start()
    yield loaded
    await loaded.aclose()
