"""``/v1/completions``: one prompt or several, whole and in chunks."""

from typing import Any

import aiohttp

from tests.tgi.contract.asking import COMPLETIONS, PROMPT, assert_refused, generate
from tests.tgi.wire import DONE, answer, events, refusal

# What follows is beyond doubt: beside others a sequence's last bits differ, which decides between near equals.
PROMPTS = ["1, 2, 3, 4, 5,", "2, 4, 6, 8, 10,", "10, 20, 30, 40, 50,", "5, 6, 7, 8, 9,"]


def body(prompt: str | list[str] = PROMPT, **more: Any) -> dict[str, Any]:
    return {"model": "tgi", "prompt": prompt, "max_tokens": 6, "temperature": 0, **more}


async def test_one_prompt(http: aiohttp.ClientSession):
    completion = await answer(http, COMPLETIONS, body())
    assert (completion["object"], completion["id"]) == ("text_completion", "")
    assert completion["system_fingerprint"].startswith("3.")
    (choice,) = completion["choices"]
    assert (choice["index"], choice["logprobs"], choice["finish_reason"]) == (0, None, "length")
    # The raw prompt: no template.
    assert choice["text"] == (await generate(http, max_new_tokens=6))["generated_text"]
    usage = completion["usage"]
    assert usage["completion_tokens"] == 6
    assert usage["prompt_tokens"] == len(await answer(http, "/tokenize", {"inputs": PROMPT}))
    assert usage["total_tokens"] == usage["prompt_tokens"] + 6


async def test_several_prompts_are_choices_with_one_usage(http: aiohttp.ClientSession):
    completion = await answer(http, COMPLETIONS, body(PROMPTS))
    texts = {choice["index"]: choice["text"] for choice in completion["choices"]}
    assert sorted(texts) == [0, 1, 2, 3]
    assert completion["usage"]["completion_tokens"] == 24
    alone = [(await answer(http, COMPLETIONS, body(prompt)))["choices"][0]["text"] for prompt in PROMPTS[2:]]
    assert [texts[2], texts[3]] == alone


async def test_a_list_of_one_is_one_prompt(http: aiohttp.ClientSession):
    one, same = await answer(http, COMPLETIONS, body()), await answer(http, COMPLETIONS, body([PROMPT]))
    assert one["choices"] == same["choices"]


async def test_chunks_of_one_prompt(http: aiohttp.ClientSession):
    *chunks, done = await events(http, COMPLETIONS, body(stream=True))
    assert done == DONE
    assert len(chunks) == 6
    assert all(chunk["object"] == "text_completion" and chunk["id"] == "" for chunk in chunks)
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [""] * 5 + ["length"]
    assert all("usage" not in chunk for chunk in chunks[:-1])
    assert chunks[-1]["usage"]["completion_tokens"] == 6
    text = "".join(chunk["choices"][0]["text"] for chunk in chunks)
    assert text == (await answer(http, COMPLETIONS, body()))["choices"][0]["text"]


async def test_chunks_of_several_prompts(http: aiohttp.ClientSession):
    *chunks, done = await events(http, COMPLETIONS, body(PROMPTS, stream=True))
    assert done == DONE
    texts = dict.fromkeys(range(4), "")
    for chunk in chunks:
        (choice,) = chunk["choices"]
        texts[choice["index"]] += choice["text"]
    last = [chunk for chunk in chunks if chunk["choices"][0]["finish_reason"]]
    assert sorted(chunk["choices"][0]["index"] for chunk in last) == [0, 1, 2, 3]
    assert all(chunk["usage"]["completion_tokens"] == 6 for chunk in last)
    whole = await answer(http, COMPLETIONS, body(PROMPTS))
    assert texts == {choice["index"]: choice["text"] for choice in whole["choices"]}


async def test_stop_is_part_of_the_text(http: aiohttp.ClientSession):
    whole = (await answer(http, COMPLETIONS, body()))["choices"][0]["text"]
    stop = whole.split()[1]
    choice = (await answer(http, COMPLETIONS, body(stop=[stop])))["choices"][0]
    assert choice["finish_reason"] == "stop_sequence"
    assert choice["text"].endswith(stop)


async def test_a_seed_repeats_it(http: aiohttp.ClientSession):
    sampled = [
        (await answer(http, COMPLETIONS, body(temperature=1.2, seed=seed, max_tokens=16)))["choices"][0]["text"]
        for seed in (1, 1, 2)
    ]
    assert sampled[0] == sampled[1]
    assert sampled[0] != sampled[2]


async def test_the_headers_add_up(http: aiohttp.ClientSession):
    async with http.post(COMPLETIONS, json=body(PROMPTS)) as response:
        usage = (await response.json())["usage"]
        headers = response.headers
    assert headers["x-generated-tokens"] == str(usage["completion_tokens"])
    assert headers["x-prompt-tokens"] == str(usage["prompt_tokens"])
    assert headers["x-compute-characters"] == str(sum(map(len, PROMPTS)))


async def test_more_prompts_than_the_batch_are_refused(http: aiohttp.ClientSession):
    async with http.get("/info") as response:
        limit = (await response.json())["max_client_batch_size"]
    status, error = await refusal(http, COMPLETIONS, body(["a"] * (limit + 1)))
    assert status == 422
    assert error["error"].endswith(f"Number of prompts exceeds the maximum allowed batch size of {limit}")


async def test_a_suffix_is_refused(http: aiohttp.ClientSession):
    status, error = await refusal(http, COMPLETIONS, body(suffix="The end."))
    assert status == 422
    assert "Suffix is not supported" in error["error"]


async def test_a_broken_rule_is_a_422(http: aiohttp.ClientSession):
    await assert_refused(http, COMPLETIONS, body(top_p=1.0), "`top_p` must be > 0.0 and < 1.0")
    await assert_refused(http, COMPLETIONS, body(repetition_penalty=0.0), "`repetition_penalty` must be")
    await assert_refused(http, COMPLETIONS, body(""), "`inputs` cannot be empty")
    await assert_refused(http, COMPLETIONS, body(["a", ""]), "`inputs` cannot be empty")


async def test_a_broken_rule_in_a_stream_is_an_event_then_done(http: aiohttp.ClientSession):
    error, done = await events(http, COMPLETIONS, body(top_p=1.0, stream=True))
    assert error["error"]["http_status_code"] == 422
    assert error["error"]["message"].startswith("Input validation error: `top_p`")
    assert done == DONE
