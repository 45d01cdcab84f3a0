"""The engine in this process: what it generates, and that closing it frees llama.cpp's slots."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tgi.engines.base import Grammar, Job, Sampling, Token
from tgi.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from tgi.errors import GenerationError, TemplateError, ValidationError
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
        max_total_tokens=CONTEXT,
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
async def test_the_most_likely_tokens_come_along(engine: LlamaCppEngine):
    prompt = await engine.encode("Once upon a time, there was a little")
    job = Job(prompt, 6, Sampling(seed=4, temperature=3.0), logprobs=True, top_n_tokens=3)
    tokens = await all_tokens(engine.generate(job))
    for token in tokens:
        logprobs = [one.logprob for one in token.top]
        assert len(logprobs) == 3
        assert logprobs == sorted(logprobs, reverse=True)
        assert token.logprob is not None
        assert token.logprob <= logprobs[0]
    assert [token.id for token in tokens] != [token.top[0].id for token in tokens]


@module_loop
async def test_a_prompts_tokens_have_the_probabilities_they_would_be_generated_with(engine: LlamaCppEngine):
    prompt = await engine.encode("Once upon a time, there was a little")
    tokens = await all_tokens(engine.generate(Job(prompt, 6, logprobs=True)))
    prefill = await engine.prefill([*prompt, *(token.id for token in tokens)])
    assert [token.id for token in prefill] == [*prompt, *(token.id for token in tokens)]
    assert "".join(token.text for token in prefill).startswith("Once upon a time, there was a little")
    assert prefill[0].logprob is None
    assert [token.logprob for token in prefill[len(prompt) :]] == [token.logprob for token in tokens]
    assert await engine.busy_slots() == 0


@module_loop
async def test_the_end_of_a_turn_in_a_prompt_does_not_end_its_probabilities(engine: LlamaCppEngine):
    prompt = await engine.encode("<|im_start|>user\nHi 😀<|im_end|>\n<|im_start|>assistant\n")
    prefill = await engine.prefill(prompt)
    assert [token.id for token in prefill] == prompt
    assert ("<|im_end|>", True) in [(token.text, token.logprob is not None) for token in prefill]
    # All but the first and those inside of the character.
    assert sum(token.logprob is None for token in prefill) < 1 + len(await engine.encode("😀"))


@module_loop
async def test_leaving_a_prefill_gives_its_place_back(engine: LlamaCppEngine):
    prompt = await engine.encode("river stone cloud green " * 20)
    for _ in range(SLOTS):
        prefill = asyncio.create_task(engine.prefill(prompt))
        while not await engine.busy_slots():
            pass
        prefill.cancel()
        with pytest.raises(asyncio.CancelledError):
            await prefill
    assert await asyncio.wait_for(all_tokens(engine.generate(Job(prompt, 2))), IDLE_SECONDS)


@module_loop
@pytest.mark.parametrize("expression", [r"\d{4}-\d{2}-\d{2}", "a/b\n?c", '"[^"]{3}"', "(日本|中国)!"])
async def test_a_text_matches_its_expression(engine: LlamaCppEngine, expression: str):
    job = Job(await engine.encode("The answer is "), 30, Sampling(seed=1), grammar=Grammar("regex", expression))
    tokens = await all_tokens(engine.generate(job))
    assert re.fullmatch(expression, "".join(token.text for token in tokens if not token.special))
    assert tokens[-1].eos


@module_loop
async def test_a_grammar_that_llama_cpp_drops_is_refused_as_soon_as_the_text_leaves_it(
    engine: LlamaCppEngine, monkeypatch: pytest.MonkeyPatch
):
    job = Job(await engine.encode("Once upon a time"), 30, grammar=Grammar("regex", "[0-9]{9}"))
    monkeypatch.setattr("tgi.engines.llamacpp_request.compiled", lambda _: "")
    with pytest.raises(ValidationError, match="grammar is not valid: the engine cannot follow it"):
        await all_tokens(engine.generate(job))
    assert await idle(engine) < 2


@module_loop
async def test_a_text_is_json_of_its_schema_without_idle_spaces(engine: LlamaCppEngine):
    properties = {"address": {"type": "string"}, "number": {"type": "integer"}}
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    prompt = await engine.encode("<|im_start|>user\nGive me an IP address<|im_end|>\n<|im_start|>assistant\n")
    job = Job(prompt, 60, grammar=Grammar("json_schema", json.dumps(schema)))
    text = "".join(token.text for token in await all_tokens(engine.generate(job)) if not token.special)
    # Left to itself, the model begins with a line break, and puts more everywhere.
    assert text.startswith('{"address": "')


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
async def test_a_seed_repeats_to_the_last_bit_whatever_is_cached_and_whatever_else_runs(engine: LlamaCppEngine):
    turn = "<|im_start|>user\nTell me a story of a dragon who feared the sea.<|im_end|>\n<|im_start|>assistant\n"
    prompt = await engine.encode("The river ran past stone and cloud. " * 12 + turn)

    async def answer(engine: LlamaCppEngine = engine) -> list[Token]:
        job = Job(prompt, 40, Sampling(seed=11, temperature=1.2), logprobs=True, top_n_tokens=2)
        return await all_tokens(engine.generate(job))

    async def others(seed: int) -> None:
        for text in ("Once upon a time, ", "A completely different beginning of a longer text " * 4, turn):
            other = Job(await engine.encode(text), 15, Sampling(seed=seed))
            await all_tokens(engine.generate(other))

    fresh = LlamaCppEngine(options())
    await fresh.start()
    first = await answer(fresh)
    await fresh.aclose()
    # The beginning of the prompt is cached, then all of it; then its slot has had others.
    await all_tokens(engine.generate(Job(prompt[:70], 1)))
    assert await answer() == first
    assert await answer() == first
    await asyncio.gather(*(others(seed) for seed in range(SLOTS)))
    assert await answer() == first
    beside, _ = await asyncio.gather(answer(), others(7))
    assert beside == first


@module_loop
async def test_a_frequency_penalty_weighs_a_tokens_share_of_the_text(engine: LlamaCppEngine):
    prompt = await engine.encode("red, red, red, red, red,")

    async def text(**penalty: Any) -> str:
        return "".join([token.text for token in await all_tokens(engine.generate(Job(prompt, 6, Sampling(**penalty))))])

    assert (await text()).startswith(" red, red")
    # The share of red is less than a half; a penalty for every single one would leave none.
    assert (await text(frequency_penalty=2.0)).startswith(" red, red")
    assert "red" not in await text(frequency_penalty=2.0 * len(prompt))
    assert "red" not in await text(repetition_penalty=3.0)


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


@pytest.mark.parametrize(("size", "reason"), [(4096, "a damaged GGUF file"), (2**24, r"llama\.cpp cannot load")])
def test_a_file_that_is_no_whole_model(tmp_path: Path, size: int, reason: str):
    broken = tmp_path / "broken.gguf"
    with resolve(None).path.open("rb") as whole:
        broken.write_bytes(whole.read(size))
    with pytest.raises(ValueError, match=reason):
        LlamaCppEngine(LlamaCppOptions(broken, 1, 1, 64))
