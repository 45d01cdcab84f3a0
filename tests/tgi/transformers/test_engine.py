"""The bundled model through the engine: texts, numbers, grammars, as every engine must give them."""

import json
import math
import re

import pytest
import torch

from tests.tgi.transformers.running import again, ids, reference, rest, run, run_all, session_loop, text
from tgi.engines.base import Grammar, Job, Sampling
from tgi.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from tgi.engines.transformers import TransformersEngine
from tgi.errors import ValidationError
from tgi.models import resolve

STORY = "Once upon a time, there was a little"
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "maximum": 99}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
)


def model_logprobs(engine: TransformersEngine, tokens: list[int]) -> torch.Tensor:
    """Log-probabilities after each of the tokens, by the model itself, without any cache."""
    with torch.inference_mode():
        logprobs: torch.Tensor = engine._loaded.model(torch.tensor([tokens])).logits[0].log_softmax(-1)
    return logprobs


@session_loop
async def test_greedy_is_what_transformers_writes(engine: TransformersEngine):
    prompt = await engine.encode(STORY)
    assert await ids(engine, Job(prompt, 12)) == reference(engine, prompt, 12)


@session_loop
async def test_the_file_is_read_as_llama_cpp_reads_it(engine: TransformersEngine):
    other = LlamaCppEngine(LlamaCppOptions(resolve(None).path, threads=1, slots=1, max_batch_total_tokens=256))
    await other.start()
    try:
        job = Job(await engine.encode(STORY), 8, logprobs=True)
        expected = await rest(other.generate(again(job)))
    finally:
        await other.aclose()
    tokens = await run(engine, job)
    assert [token.id for token in tokens] == [token.id for token in expected]
    # llama.cpp computes in fewer bits.
    assert [token.logprob for token in tokens] == pytest.approx([token.logprob for token in expected], abs=0.2)


@session_loop
async def test_probabilities_and_alternatives_are_the_models_own(engine: TransformersEngine):
    prompt = await engine.encode(STORY)
    sampling = Sampling(seed=2, temperature=1.7, top_k=40, repetition_penalty=1.2)
    tokens = await run(engine, Job(prompt, 5, sampling, logprobs=True, top_n_tokens=3))
    expected = model_logprobs(engine, [*prompt, *(token.id for token in tokens)])
    for place, token in enumerate(tokens, start=len(prompt) - 1):
        assert token.logprob == pytest.approx(expected[place, token.id].item(), abs=1e-3)
        values, best = expected[place].topk(3)
        assert [one.id for one in token.top] == best.tolist()
        assert [one.logprob for one in token.top] == pytest.approx(values.tolist(), abs=1e-3)
        assert [one.text for one in token.top] == [engine._tokens.decode([one.id]) for one in token.top]


@session_loop
async def test_each_gets_as_many_alternatives_as_it_asked_for(engine: TransformersEngine):
    prompt = await engine.encode(STORY)
    answers = await run_all(engine, *(Job(prompt, 2, top_n_tokens=number) for number in (0, 2, 5)))
    assert [{len(token.top) for token in tokens} for tokens in answers] == [{0}, {2}, {5}]
    assert [token.logprob for token in answers[0]] == [None, None]


@session_loop
async def test_the_prompts_probabilities(engine: TransformersEngine):
    # Longer than what is read at once.
    prompt = await engine.encode(STORY + " frog, who said: " + "Rain, rain, go away. " * 22)
    assert len(prompt) > 128
    tokens, other = await engine.prefill(prompt), await run(engine, Job(prompt[:3], 2))
    assert [token.id for token in tokens] == prompt
    assert "".join(token.text for token in tokens) == engine._tokens.decode(prompt)
    assert tokens[0].logprob is None
    expected = model_logprobs(engine, prompt)[:-1].gather(-1, torch.tensor(prompt[1:])[:, None])[:, 0].tolist()
    assert [token.logprob for token in tokens[1:]] == pytest.approx(expected, abs=2e-3)
    assert len(other) == 2
    assert [token.logprob for token in await engine.prefill(prompt[:1])] == [None]


@session_loop
async def test_the_end_of_the_turn_is_a_special_token(engine: TransformersEngine):
    prompt = await engine.encode("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello! Goodbye.")
    *others, last = await run(engine, Job(prompt, 200))
    assert (last.text, last.special, last.eos) == ("<|im_end|>", True, True)
    assert not any(token.special or token.eos for token in others)


@session_loop
async def test_penalties_hold_for_greedy_choice(engine: TransformersEngine):
    prompt = await engine.encode("red, red, red, red, red,")
    plain = await text(engine, Job(prompt, 12))
    assert plain.count("red") > 3
    assert "red" not in await text(engine, Job(prompt, 12, Sampling(repetition_penalty=5.0)))
    frequency = await text(engine, Job(prompt, 12, Sampling(frequency_penalty=2.0)))
    assert frequency.count("red") < plain.count("red")


@session_loop
async def test_a_regular_expression_is_kept_to_beside_lines_without_one(engine: TransformersEngine):
    prompt = await engine.encode("The date of the moon landing is ")
    free = Job(prompt, 10)
    expected = await text(engine, again(free))
    dates = [Job(prompt, 20, Sampling(seed=seed), grammar=Grammar("regex", r"\d{4}-\d{2}-\d{2}")) for seed in (1, 2)]
    tokens, *answers = await run_all(engine, free, *dates)
    assert "".join(token.text for token in tokens) == expected
    for answer in answers:
        assert answer[-1].eos
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", "".join(token.text for token in answer if not token.special))


@session_loop
async def test_a_json_schema_is_kept_to(engine: TransformersEngine):
    prompt = await engine.encode("A person, as JSON: ")
    tokens = await run(engine, Job(prompt, 60, Sampling(seed=4), grammar=Grammar("json_schema", SCHEMA)))
    assert tokens[-1].eos
    person = json.loads("".join(token.text for token in tokens if not token.special))
    assert person.keys() == {"name", "age"}
    assert isinstance(person["age"], int)


@session_loop
@pytest.mark.parametrize(
    "grammar",
    [
        Grammar("regex", "(foo"),
        Grammar("regex", "a(?=b)"),
        Grammar("json_schema", "{"),
        Grammar("json_schema", "3"),
        Grammar("json_schema", '{"type": "nonsense"}'),
        Grammar("json_schema", '{"not": {"type": "string"}}'),
    ],
)
async def test_a_grammar_that_cannot_be_compiled_is_refused(engine: TransformersEngine, grammar: Grammar):
    with pytest.raises(ValidationError, match=r"Input validation error: grammar is not valid: "):
        await engine.check_grammar(grammar)


@session_loop
async def test_parts_of_a_character_are_withheld_until_it_is_whole(engine: TransformersEngine):
    tokens = await run(engine, Job(await engine.encode("Say "), 40, grammar=Grammar("regex", "日本🦜ü")))
    texts = [token.text for token in tokens if not token.special]
    assert "".join(texts) == "日本🦜ü"
    assert "" in texts
    assert len({token.id for token in tokens}) > len("日本🦜ü")


@session_loop
async def test_numbers_are_finite(engine: TransformersEngine):
    sampling = Sampling(seed=1, temperature=1e-38, top_k=10**6, top_p=1e-6, typical_p=1e-6)
    tokens = await run(engine, Job(await engine.encode(STORY), 3, sampling, logprobs=True))
    assert all(math.isfinite(token.logprob or 0) for token in tokens)
    assert [token.id for token in tokens] == reference(engine, await engine.encode(STORY), 3)
