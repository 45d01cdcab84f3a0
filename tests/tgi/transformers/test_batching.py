"""Lines that share steps get what they would get alone, join and leave at any time, and fail together at most."""

import asyncio
import threading
from pathlib import Path

import pytest
import torch

from tests.tgi.transformers.running import (
    LINES,
    again,
    before_each_step,
    idle,
    ids,
    reference,
    rest,
    run,
    run_all,
    session_loop,
    text,
)
from tgi.engines.base import Job, Sampling
from tgi.engines.transformers import TransformersEngine, TransformersOptions
from tgi.errors import GenerationError

PROMPTS = ("Once upon a time, there was a little", "The capital of France is", "1, 2, 3,", "Water " * 90 + "is")


@session_loop
async def test_lines_of_all_lengths_get_what_transformers_writes_for_each_alone(small: TransformersEngine):
    prompts = [await small.encode(prompt) for prompt in PROMPTS]
    jobs = [Job(prompt, 8 + 30 * number) for number, prompt in enumerate(prompts)]
    answers = await run_all(small, *jobs)
    for job, answer in zip(jobs, answers, strict=True):
        assert [token.id for token in answer] == reference(small, list(job.prompt), job.max_new_tokens)


@session_loop
async def test_a_line_that_joins_late_changes_nothing(small: TransformersEngine):
    early, late = [Job(await small.encode(prompt), 40) for prompt in PROMPTS[:2]]
    tokens = small.generate(early)
    written = [(await anext(tokens)).id for _ in range(5)]
    joining = asyncio.create_task(ids(small, late))
    written += [token.id async for token in tokens]
    assert written == reference(small, list(early.prompt), 40)
    assert await joining == reference(small, list(late.prompt), 40)


@session_loop
async def test_running_lines_share_their_steps(small: TransformersEngine):
    steps: list[int] = []
    prompt = await small.encode(PROMPTS[0])
    with before_each_step(small, lambda tokens: steps.append(len(tokens))):
        await run_all(small, *(Job(prompt, 20, Sampling(seed=seed)) for seed in range(LINES)))
    # One by one they would take 20 each.
    assert len(steps) < 2 * 20
    assert max(steps) == LINES


@session_loop
async def test_a_seed_gives_the_same_text_whatever_else_runs(small: TransformersEngine):
    prompt = await small.encode(PROMPTS[0])
    sampling = Sampling(seed=7, temperature=0.9, top_p=0.9, top_k=50, repetition_penalty=1.1)
    alone = await text(small, Job(prompt, 24, sampling))
    others = [Job(prompt[:number], 16, Sampling(seed=number)) for number in range(1, 5)]
    _, again_, *_ = await run_all(small, others[0], Job(prompt, 24, sampling), *others[1:])
    assert "".join(token.text for token in again_) == alone
    assert await text(small, Job(prompt, 24, Sampling(seed=8, temperature=0.9))) != alone


@session_loop
async def test_seeds_of_64_bits_differ(small: TransformersEngine):
    prompt = await small.encode("Once upon a time")
    seeds = (5, 5, 5 + 2**40)
    first, same, other = [await text(small, Job(prompt, 12, Sampling(seed=seed))) for seed in seeds]
    assert first == same
    assert first != other


@session_loop
async def test_closing_a_generation_frees_its_place(small: TransformersEngine):
    tokens = small.generate(Job(await small.encode(PROMPTS[0]), 900, Sampling(seed=1)))
    await anext(tokens)
    assert small.running == 1
    steps: list[int] = []
    with before_each_step(small, lambda tokens: steps.append(len(tokens))):
        await tokens.aclose()
        await idle(small)
    # The one that may have been under way, and idle's own.
    assert len(steps) <= 2


@session_loop
async def test_closing_while_the_prompt_is_read_ends_the_reading(small: TransformersEngine):
    prompt = (await small.encode("river stone cloud green " * 300))[:900]
    reading, cancelled = threading.Event(), threading.Event()
    pieces: list[int] = []

    def step(tokens: torch.Tensor) -> None:
        pieces.append(tokens.numel())
        if len(pieces) == 2:
            reading.set()
            assert cancelled.wait(10)

    with before_each_step(small, step):
        first = asyncio.create_task(anext(small.generate(Job(prompt, 4))))
        assert await asyncio.to_thread(reading.wait, 10)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        cancelled.set()
        await idle(small)
    # The third is idle's own.
    assert len(pieces) == 3
    assert sum(pieces) < len(prompt) / 4


@session_loop
async def test_closing_in_the_queue_never_starts(small: TransformersEngine):
    prompt = await small.encode("Once upon a time")
    running = [small.generate(Job(prompt, 900, Sampling(seed=seed))) for seed in range(LINES)]
    await asyncio.gather(*(anext(tokens) for tokens in running))
    job = Job(prompt, 4)
    queued = asyncio.create_task(anext(small.generate(job)))
    await anext(running[0])
    assert small.running == LINES
    queued.cancel()
    with pytest.raises(asyncio.CancelledError):
        await queued
    for tokens in running:
        await tokens.aclose()
    await idle(small)
    assert job.started is None


@session_loop
async def test_more_jobs_than_places_all_get_their_turn(small: TransformersEngine):
    prompt = await small.encode("Once upon a time")
    answers = await run_all(small, *(Job(prompt, 4, Sampling(seed=seed)) for seed in range(3 * LINES)))
    assert [len(tokens) for tokens in answers] == [4] * (3 * LINES)


@session_loop
async def test_long_lines_run_only_as_far_as_the_cache_has_room(small: TransformersEngine):
    most = 0

    def step(tokens: torch.Tensor) -> None:
        nonlocal most
        most = max(most, small.running)

    prompt = await small.encode("Once")
    # Half the cache each.
    jobs = [Job(prompt, LINES * 1024 // 2 - len(prompt), Sampling(seed=seed)) for seed in range(4)]
    with before_each_step(small, step):
        streams = [small.generate(job) for job in jobs]
        firsts = [asyncio.create_task(anext(stream)) for stream in streams]
        await asyncio.wait(firsts[:2])
        await streams[0].aclose()
        await firsts[2]
        for task in firsts[3:]:
            task.cancel()
        await asyncio.gather(*firsts, return_exceptions=True)
        for stream in streams[1:]:
            await stream.aclose()
        await idle(small)
    assert most == 2


@session_loop
async def test_a_failing_step_ends_its_batch_and_nothing_else(small: TransformersEngine):
    job = Job(await small.encode(PROMPTS[0]), 40)
    expected = await ids(small, job)
    count = 0

    def fail_later(tokens: torch.Tensor) -> None:
        nonlocal count
        count += 1
        if count == 5:
            raise RuntimeError("a fault of the test")

    with before_each_step(small, fail_later), pytest.raises(GenerationError, match="a fault of the test"):
        await run(small, again(job))
    assert small.healthy
    assert await ids(small, again(job)) == expected


@session_loop
async def test_a_prompt_that_memory_does_not_suffice_for_ends_alone(small: TransformersEngine):
    job = Job(await small.encode(PROMPTS[0]), 30)
    expected = await ids(small, job)

    def fail_prompts(tokens: torch.Tensor) -> None:
        if tokens.shape[-1] > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")

    tokens = small.generate(again(job))
    written = [(await anext(tokens)).id]
    with before_each_step(small, fail_prompts), pytest.raises(GenerationError, match="not enough memory"):
        await run(small, Job(await small.encode(PROMPTS[3]), 4))
    written += [token.id async for token in tokens]
    assert written == expected


@session_loop
async def test_numbers_that_are_not_finite_end_only_their_line(small: TransformersEngine):
    good = Job(await small.encode(PROMPTS[0]), 12)
    bad = Job(await small.encode(PROMPTS[1]), 12)
    expected = await ids(small, good)

    def spoil(module: object, arguments: object, output: torch.Tensor) -> torch.Tensor:
        output[1:] = torch.nan
        return output

    tokens = small.generate(again(good))
    written = [(await anext(tokens)).id]
    handle = small._loaded.model.get_output_embeddings().register_forward_hook(spoil)
    try:
        with pytest.raises(GenerationError, match="not finite"):
            await run(small, bad)
        written += [token.id async for token in tokens]
    finally:
        handle.remove()
    assert written == expected


@session_loop
@pytest.mark.parametrize("prompt", [[10_000_000], [-1], []])
async def test_a_prompt_of_unknown_tokens_ends_alone(small: TransformersEngine, prompt: list[int]):
    with pytest.raises(GenerationError, match="token that the model does not know"):
        await run(small, Job(prompt, 4))
    assert len(await run(small, Job(await small.encode("Once"), 2))) == 2


async def test_closing_the_engine_ends_what_runs_and_what_waits(small_model: Path):
    options = TransformersOptions(small_model, device="cpu", slots=1)
    closing = TransformersEngine(options)
    await closing.start()
    prompt = await closing.encode("Once upon a time")
    tokens = closing.generate(Job(prompt, 900, Sampling(seed=1)))
    await anext(tokens)
    waiting = asyncio.create_task(run(closing, Job(prompt, 900)))
    await anext(tokens)
    running = [waiting, asyncio.create_task(rest(tokens))]
    await closing.aclose()
    assert not closing.healthy
    running.append(asyncio.create_task(run(closing, Job(prompt, 1))))
    for error in await asyncio.gather(*running, return_exceptions=True):
        assert isinstance(error, GenerationError)
        assert "the server is shutting down" in str(error)
