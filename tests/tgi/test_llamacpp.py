"""The engine in this process: what it generates, and that closing it frees llama.cpp's slots."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio

from tgi.engines.base import Job, Sampling, Token
from tgi.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from tgi.errors import GenerationError, TemplateError
from tgi.models import resolve

# One loop for all: the engine belongs to it.
module_loop = pytest.mark.asyncio(loop_scope="module")

SLOTS, CONTEXT = 2, 512
IDLE_SECONDS = 20.0


def options() -> LlamaCppOptions:
    return LlamaCppOptions(
        path=resolve(None).path,
        threads=1,
        slots=SLOTS,
        max_batch_total_tokens=SLOTS * CONTEXT,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[LlamaCppEngine]:
    loaded = LlamaCppEngine(options())
    await loaded.start()
    yield loaded
    await loaded.aclose()


async def idle(engine: LlamaCppEngine) -> float:
    """Wait until no slot is at work; seconds it took."""
    started = time.monotonic()
    while await engine.busy_slots():
        assert time.monotonic() - started < IDLE_SECONDS
    return time.monotonic() - started


async def all_tokens(tokens: AsyncGenerator[Token, None]) -> list[Token]:
    async with aclosing(tokens):
        return [token async for token in tokens]


@module_loop
async def test_tokens_have_ids_texts_and_probabilities(engine: LlamaCppEngine):
    prompt = await engine.encode("Once upon a time, there was a little")
    tokens = await all_tokens(engine.generate(Job(prompt, 6, logprobs=True)))
    assert len(tokens) == 6
    assert await engine.encode("".join(token.text for token in tokens)) == [token.id for token in tokens]
    assert all(token.logprob is not None and token.logprob <= 0 for token in tokens)


@module_loop
async def test_without_logprobs_there_are_none(engine: LlamaCppEngine):
    tokens = await all_tokens(engine.generate(Job(await engine.encode("Once"), 2)))
    assert [token.logprob for token in tokens] == [None, None]


@module_loop
async def test_the_end_of_the_turn_is_a_special_token(engine: LlamaCppEngine):
    prompt = await engine.encode("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello! Goodbye.")
    *_, last = await all_tokens(engine.generate(Job(prompt, 500)))
    assert (last.text, last.special, last.eos) == ("<|im_end|>", True, True)


@module_loop
async def test_seeds_of_64_bits_differ(engine: LlamaCppEngine):
    prompt = await engine.encode("Once upon a time")

    async def text(seed: int) -> str:
        job = Job(prompt, 16, Sampling(seed=seed, temperature=1.5))
        return "".join(token.text for token in await all_tokens(engine.generate(job)))

    assert await text(5) == await text(5)
    assert await text(5) != await text(5 + 2**40)


@module_loop
async def test_closing_a_running_generation_frees_its_slot(engine: LlamaCppEngine):
    tokens = engine.generate(Job(await engine.encode("Once upon a time"), 400, Sampling(seed=1)))
    await anext(tokens)
    assert await engine.busy_slots() == 1
    await tokens.aclose()
    # Far less than the 400 tokens would take.
    assert await idle(engine) < 2


@module_loop
async def test_closing_in_the_prompt_frees_its_slot(engine: LlamaCppEngine):
    prompt = (await engine.encode("river stone cloud green " * 500))[: CONTEXT - 10]
    first = asyncio.create_task(anext(engine.generate(Job(prompt, 4))))
    while not await engine.busy_slots():
        pass
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    seconds = await idle(engine)
    # The whole prompt, uncached up to where it was stopped, takes several times as long.
    started = time.monotonic()
    await all_tokens(engine.generate(Job(prompt, 1)))
    assert seconds < (time.monotonic() - started) / 2


@module_loop
async def test_closing_in_the_queue_never_starts(engine: LlamaCppEngine):
    prompt = await engine.encode("Once upon a time")
    running = [engine.generate(Job(prompt, 400, Sampling(seed=n))) for n in range(SLOTS)]
    await asyncio.gather(*(anext(tokens) for tokens in running))
    job = Job(prompt, 4)
    queued = asyncio.create_task(anext(engine.generate(job)))
    assert await engine.busy_slots() == SLOTS
    queued.cancel()
    with pytest.raises(asyncio.CancelledError):
        await queued
    assert job.started is None
    for tokens in running:
        await tokens.aclose()
    assert await idle(engine) < 2


@module_loop
async def test_more_jobs_than_slots_all_get_their_turn(engine: LlamaCppEngine):
    prompt = await engine.encode("Once upon a time")
    answers = await asyncio.gather(
        *(all_tokens(engine.generate(Job(prompt, 8, Sampling(seed=n)))) for n in range(3 * SLOTS))
    )
    assert [len(tokens) for tokens in answers] == [8] * (3 * SLOTS)


@module_loop
async def test_full_contexts_side_by_side_fit_the_cache(engine: LlamaCppEngine):
    # Two prompts that share nothing and fill their parts of the cache, after other prompts have left theirs.
    words = ("alpha beta gamma ", "delta river stone ")
    prompts = [(await engine.encode(word * 600))[: CONTEXT - 8] for word in words]
    answers = await asyncio.gather(*(all_tokens(engine.generate(Job(prompt, 8))) for prompt in prompts))
    assert all(answers)


@module_loop
async def test_a_failing_job_ends_alone(engine: LlamaCppEngine):
    with pytest.raises(GenerationError, match=r"Request failed during generation: .*token"):
        await all_tokens(engine.generate(Job([10_000_000], 4)))
    assert len(await all_tokens(engine.generate(Job(await engine.encode("Once"), 2)))) == 2


@module_loop
async def test_a_template_can_refuse(engine: LlamaCppEngine):
    twice = {"role": "assistant", "content": "a"}
    with pytest.raises(TemplateError, match=r"Template error: .*assistant"):
        await engine.apply_template([{"role": "user", "content": "q"}, twice, twice])


@module_loop
async def test_closing_the_engine_ends_what_runs_and_what_waits():
    engine = LlamaCppEngine(options())
    await engine.start()
    prompt = await engine.encode("Once upon a time")
    jobs = [all_tokens(engine.generate(Job(prompt, 400, Sampling(seed=n)))) for n in range(SLOTS + 1)]
    running = [asyncio.create_task(job) for job in jobs]
    while await engine.busy_slots() < SLOTS:
        pass
    await engine.aclose()
    assert not engine.healthy
    for error in await asyncio.wait_for(asyncio.gather(*running, return_exceptions=True), timeout=20):
        assert isinstance(error, GenerationError)
        assert "the server is shutting down" in str(error)


def test_a_file_that_is_no_model(tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(resolve(None).path.read_bytes()[:4096])
    with pytest.raises(ValueError, match=r"llama\.cpp cannot load"):
        LlamaCppEngine(LlamaCppOptions(broken, 1, 1, 64))
