"""Plain generation: texts, details, parameters."""

from typing import Any

import aiohttp
import pytest

from tests.tgi.wire import answer

PROMPT = "Once upon a time, there was a little"


async def generate(http: aiohttp.ClientSession, **parameters: Any) -> Any:
    parameters = {"max_new_tokens": 8, "details": True, **parameters}
    return await answer(http, "/generate", {"inputs": PROMPT, "parameters": parameters})


async def test_details_hold_every_token(http: aiohttp.ClientSession):
    body = await generate(http)
    details = body["details"]
    assert details["finish_reason"] == "length"
    assert details["generated_tokens"] == len(details["tokens"]) == 8
    assert details["prefill"] == []
    assert body["generated_text"] == "".join(token["text"] for token in details["tokens"] if not token["special"])
    assert all(token["logprob"] <= 0 for token in details["tokens"])


async def test_ids_are_the_ones_of_the_tokenizer(http: aiohttp.ClientSession):
    body = await generate(http)
    tokens = await answer(http, "/tokenize", {"inputs": body["generated_text"]})
    ids = [token["id"] for token in body["details"]["tokens"]]
    assert [token["id"] for token in tokens][-4:] == ids[-4:]


async def test_details_are_left_out_unless_asked_for(http: aiohttp.ClientSession):
    body = await answer(http, "/generate", {"inputs": PROMPT, "parameters": {"max_new_tokens": 2}})
    assert body.keys() == {"generated_text"}


async def test_greedy_has_no_seed_and_repeats_itself(http: aiohttp.ClientSession):
    await generate(http)
    first, second = await generate(http), await generate(http)
    assert first["details"]["seed"] is None
    assert first["generated_text"] == second["generated_text"]


async def test_a_seed_repeats_a_sampled_answer_and_another_does_not(http: aiohttp.ClientSession):
    # A prompt that was just read and one that comes from the cache differ in the last bits: warm it first.
    await generate(http)
    sampled = {"do_sample": True, "temperature": 0.8, "max_new_tokens": 24}
    first = await generate(http, seed=7, **sampled)
    assert first["details"]["seed"] == 7
    assert (await generate(http, seed=7, **sampled))["generated_text"] == first["generated_text"]
    assert (await generate(http, seed=8, **sampled))["generated_text"] != first["generated_text"]


async def test_without_parameters_the_answer_is_sampled_with_all_that_is_left(http: aiohttp.ClientSession):
    async with http.post("/generate_stream", json={"inputs": PROMPT}) as response:
        assert response.status == 200
        assert (await response.content.readline()).startswith(b'data: {"index":1')


@pytest.mark.parametrize(
    "wish", [{"temperature": 0.7}, {"top_k": 5}, {"top_p": 0.9}, {"typical_p": 0.9}, {"do_sample": True}]
)
async def test_any_sampling_parameter_samples(http: aiohttp.ClientSession, wish: dict[str, Any]):
    assert isinstance((await generate(http, **wish))["details"]["seed"], int)


async def test_top_k_of_one_is_greedy(http: aiohttp.ClientSession):
    assert (await generate(http, top_k=1))["generated_text"] == (await generate(http))["generated_text"]


async def test_penalties_change_a_greedy_answer(http: aiohttp.ClientSession):
    plain = await generate(http, max_new_tokens=32)
    repetition = await generate(http, max_new_tokens=32, repetition_penalty=1.8)
    frequency = await generate(http, max_new_tokens=32, frequency_penalty=2.0)
    assert repetition["generated_text"] != plain["generated_text"]
    assert frequency["generated_text"] != plain["generated_text"]


async def test_stop_text_ends_the_answer_and_is_part_of_it(http: aiohttp.ClientSession):
    whole = await generate(http, max_new_tokens=12)
    stop = whole["details"]["tokens"][4]["text"]
    body = await generate(http, max_new_tokens=12, stop=["never written", stop])
    assert body["details"]["finish_reason"] == "stop_sequence"
    assert body["generated_text"].endswith(stop)
    assert body["details"]["generated_tokens"] <= 5


async def test_truncate_keeps_the_last_tokens(http: aiohttp.ClientSession):
    async with http.post(
        "/generate", json={"inputs": PROMPT, "parameters": {"max_new_tokens": 1, "truncate": 3}}
    ) as response:
        assert response.headers["x-prompt-tokens"] == "3"


async def test_the_full_text_starts_with_the_prompt(http: aiohttp.ClientSession):
    assert (await generate(http, return_full_text=True))["generated_text"].startswith(PROMPT)
    assert not (await generate(http))["generated_text"].startswith(PROMPT)


async def test_headers_tell_counts_and_whole_milliseconds(http: aiohttp.ClientSession):
    async with http.post("/generate", json={"inputs": PROMPT, "parameters": {"max_new_tokens": 4}}) as response:
        headers = response.headers
    assert headers["x-generated-tokens"] == "4"
    assert headers["x-compute-characters"] == str(len(PROMPT))
    assert int(headers["x-prompt-tokens"]) > 0
    assert float(headers["x-compute-time"]) > 0
    names = ("total-time", "validation-time", "queue-time", "inference-time", "time-per-token")
    times = {name: int(headers[f"x-{name}"]) for name in names}
    assert times["total-time"] >= times["inference-time"] >= times["time-per-token"]


async def test_the_root_answers_a_list_with_the_prompt_in_it(http: aiohttp.ClientSession):
    body = await answer(http, "/", {"inputs": PROMPT, "parameters": {"max_new_tokens": 2}})
    assert len(body) == 1
    assert body[0]["generated_text"].startswith(PROMPT)
