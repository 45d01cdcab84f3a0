"""``best_of``: which of the sequences is the answer, what each costs, and what happens when one fails."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.real_model import real_model
from tgi import generate
from tgi.engines.base import Engine, Job, Token
from tgi.errors import GenerationError, OverloadedError, ValidationError
from tgi.generation import Finish, Generation
from tgi.protocol.requests import GenerateParameters
from tgi.protocol.validation import Limits
from tgi.serving import Permits, Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

WINDOW = 128
WISH = GenerateParameters(best_of=3, temperature=1.5, max_new_tokens=12, details=True, top_n_tokens=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    async with real_model(WINDOW) as model:
        yield model.engine


def service(engine: Engine, *, permits: int = 3) -> Service:
    return Service(engine, "model", Limits(WINDOW - 1, WINDOW, max_best_of=3), Permits(permits))


async def details(service: Service, wish: GenerateParameters = WISH) -> Any:
    response = await generate.answer(service, "Once upon a time", wish)
    return json.loads(bytes(response.body))["details"]


def mean(sequence: dict[str, Any]) -> float:
    """Of those that llama.cpp tells: it has none for a token that ends inside a character."""
    known = [token["logprob"] for token in sequence["tokens"] if token["logprob"] is not None]
    return float(sum(known) / len(known))


async def test_the_most_likely_of_several_is_the_answer(engine: Engine):
    best = await details(service(engine))
    others = best["best_of_sequences"]
    assert len({sequence["seed"] for sequence in (best, *others)}) == 3
    assert mean(best) >= mean(others[0]) >= mean(others[1])
    assert mean(best) > mean(others[1])


async def test_every_sequence_takes_a_permit_and_gives_it_back(engine: Engine):
    with pytest.raises(OverloadedError):
        await details(service(engine, permits=2))
    enough = service(engine, permits=3)
    for _ in range(2):
        await details(enough)


async def test_the_limit_comes_before_the_permits(engine: Engine):
    too_many = GenerateParameters(best_of=4, do_sample=True)
    with pytest.raises(ValidationError, match=r"`best_of` must be > 0 and <= 3\. Given: 4"):
        await details(service(engine, permits=0), too_many)


async def test_one_that_fails_ends_them_all(engine: Any, monkeypatch: pytest.MonkeyPatch):
    calls = iter((None, GenerationError("the backend is gone")))
    real = engine._server.handle_completions

    class Server:
        def handle_completions(self, request: bytes, on_data: Any) -> None:
            if (error := next(calls, None)) is not None:
                raise error
            real(request, on_data)

    monkeypatch.setattr(engine, "_server", Server())
    with pytest.raises(GenerationError, match="the backend is gone"):
        await details(service(engine))
    monkeypatch.undo()
    assert (await details(service(engine)))["generated_tokens"]


def sequence(*logprobs: float | None) -> generate.Sequence:
    job = Job((1,), max_new_tokens=9)
    tokens = [Token(1, "x", logprob) for logprob in logprobs]
    return generate.Sequence(Generation("x", WISH, job, arrived=0.0), tokens, Finish("length", 2, "xx"))


async def test_tokens_of_unknown_probability_do_not_count():
    assert sequence(-1.0, None, -3.0).mean_logprob == -2.0
    assert sequence(None).mean_logprob == float("-inf")
