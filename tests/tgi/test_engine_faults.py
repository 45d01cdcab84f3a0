"""llama.cpp fails in the middle of an answer: that request ends with the right error, and the server goes on."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.support.real_model import RealModel, real_model
from tests.tgi.wire import answer, events, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = {"inputs": "Once upon a time", "parameters": {"max_new_tokens": 60, "details": True}}
CHAT = {"model": "tgi", "messages": [{"role": "user", "content": "Tell me a story."}], "max_tokens": 60}
TOKENS_BEFORE = 3
OUT_OF_MEMORY = b'{"error": {"code": 500, "message": "out of memory"}}'


class Failing:
    """llama.cpp's server, which dies after some chunks of text in the way it is told to."""

    def __init__(self, server: Any, die: Callable[[Callable[[bytes], bool]], None]) -> None:
        self._server = server
        self._die = die

    def handle_completions(self, request: bytes, on_data: Callable[[bytes], bool]) -> None:
        """Pass on what the real one says, until it is time."""
        tokens = 0

        def until_death(data: bytes) -> bool:
            nonlocal tokens
            tokens += b'"tokens_predicted":0' not in data
            return tokens > TOKENS_BEFORE or on_data(data)

        self._server.handle_completions(request, until_death)
        self._die(on_data)


def crash(_: Callable[[bytes], bool]) -> None:
    raise RuntimeError("the backend is gone")


def report(on_data: Callable[[bytes], bool]) -> None:
    on_data(OUT_OF_MEMORY)


def end(_: Callable[[bytes], bool]) -> None:
    """As if it were done."""


KILLS = [(crash, "the backend is gone"), (report, "out of memory")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[RealModel]:
    async with real_model(window=256) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(model: RealModel) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(model.url) as session:
        yield session


@contextmanager
def dying(model: RealModel, die: Callable[[Callable[[bytes], bool]], None]) -> Iterator[None]:
    engine: Any = model.engine
    server = engine._server
    engine._server = Failing(server, die)
    try:
        yield
    finally:
        engine._server = server


async def assert_serves(model: RealModel, http: aiohttp.ClientSession) -> None:
    body = await answer(http, "/generate", {"inputs": "Once", "parameters": {"max_new_tokens": 4, "details": True}})
    assert body["details"]["generated_tokens"] == 4
    assert await model.engine.busy_slots() == 0
    async with http.get("/health") as response:
        assert response.status == 200


@pytest.mark.parametrize(("die", "reason"), KILLS)
async def test_a_stream_ends_with_a_generation_error(
    model: RealModel, http: aiohttp.ClientSession, die: Any, reason: str
):
    with dying(model, die):
        *tokens, last = await events(http, "/generate_stream", LONG)
    assert len(tokens) == TOKENS_BEFORE
    assert all(event["generated_text"] is None for event in tokens)
    assert last == {"error": f"Request failed during generation: {reason}", "error_type": "generation"}
    await assert_serves(model, http)


@pytest.mark.parametrize(("die", "reason"), KILLS)
async def test_a_plain_answer_is_a_424(model: RealModel, http: aiohttp.ClientSession, die: Any, reason: str):
    with dying(model, die):
        status, error = await refusal(http, "/generate", LONG)
    assert (status, error["error_type"]) == (424, "generation")
    assert error["error"] == f"Request failed during generation: {reason}"
    await assert_serves(model, http)


@pytest.mark.parametrize(("die", "reason"), KILLS)
async def test_a_chat_stream_ends_with_an_error_and_done(
    model: RealModel, http: aiohttp.ClientSession, die: Any, reason: str
):
    with dying(model, die):
        *_, last, done = await events(http, "/v1/chat/completions", {**CHAT, "stream": True})
    assert last["error"]["message"] == f"Request failed during generation: {reason}"
    assert done == "[DONE]"
    await assert_serves(model, http)


async def test_an_end_without_a_reason_is_an_incomplete_generation(model: RealModel, http: aiohttp.ClientSession):
    with dying(model, end):
        status, error = await refusal(http, "/generate", LONG)
        *_, last = await events(http, "/generate_stream", LONG)
    assert (status, error["error_type"]) == (500, "incomplete_generation")
    assert last["error_type"] == "incomplete_generation_stream"
    await assert_serves(model, http)
