"""The Messages API, whole: texts, usage, turns, names, limits."""

from typing import Any

import aiohttp
import pytest

from tests.tgi.contract.asking import CHAT, QUESTION, assert_refused, chat, messages, say, say_stream
from tests.tgi.contract.conftest import Target
from tests.tgi.wire import answer, refusal


async def model_id(http: aiohttp.ClientSession) -> str:
    async with http.get("/info") as response:
        name: str = (await response.json())["model_id"]
    return name


async def test_a_whole_answer(http: aiohttp.ClientSession):
    completion = await answer(http, CHAT, chat())
    assert completion["object"] == "chat.completion"
    assert completion["id"] == ""
    assert completion["created"] > 1_700_000_000
    assert completion["model"] == await model_id(http)
    assert completion["system_fingerprint"].startswith("3.")
    (choice,) = completion["choices"]
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "length", None)
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    usage = completion["usage"]
    assert usage["completion_tokens"] == 8
    assert usage["total_tokens"] == usage["prompt_tokens"] + 8


async def test_the_headers_are_those_of_a_generation(http: aiohttp.ClientSession):
    async with http.post(CHAT, json=chat()) as response:
        usage = (await response.json())["usage"]
        headers = response.headers
    assert headers["x-generated-tokens"] == "8"
    assert headers["x-prompt-tokens"] == str(usage["prompt_tokens"])
    assert headers["x-compute-type"]
    assert all(headers[f"x-{name}-time"].isdigit() for name in ("total", "validation", "queue", "inference"))


async def test_tgi_is_the_model_that_is_served(http: aiohttp.ClientSession):
    unnamed = chat()
    del unnamed["model"]
    assert (await answer(http, CHAT, unnamed))["model"] == await model_id(http)
    assert (await answer(http, CHAT, chat(model="tgi")))["model"] == await model_id(http)


async def test_another_model_is_an_adapter_and_is_echoed(http: aiohttp.ClientSession, target: Target):
    if target.lacks("adapter_id"):
        # Clients send all sorts of names there: the one model answers, under the name it was called by.
        assert (await answer(http, CHAT, chat(model="some/name")))["model"] == "some/name"
    else:
        status, error = await refusal(http, CHAT, chat(model="no/such-adapter"))
        assert status in (422, 424), error


async def test_a_trailing_assistant_message_is_continued(http: aiohttp.ClientSession):
    turns = (("user", "Count from 1 to 20."), ("assistant", "1, 2, 3, 4, 5, 6, 7,"))
    templated = (await answer(http, "/chat_tokenize", {"messages": messages(*turns)}))["templated_text"]
    assert templated.endswith(turns[1][1])
    # Only the new text comes back.
    assert (await say(http, *turns))["message"]["content"].startswith(" 8, 9")
    *_, last = await say_stream(http, *turns, max_tokens=2)
    assert last["choices"][0]["finish_reason"] == "length"


async def test_an_empty_assistant_message_starts_the_answer(http: aiohttp.ClientSession):
    assert await say(http, ("user", QUESTION), ("assistant", "")) == await say(http)


async def test_a_conversation_of_several_turns(http: aiohttp.ClientSession):
    turns = (("system", "Be brief."), ("user", "My name is Ada."), ("assistant", "Hello, Ada."), ("user", "Who am I?"))
    async with http.post("/chat_tokenize", json={"messages": messages(*turns)}) as response:
        templated = (await response.json())["templated_text"]
    places = [templated.index(content) for _, content in turns]
    assert places == sorted(places)
    assert (await say(http, *turns))["message"]["content"]


async def test_parts_of_text_are_one_text(http: aiohttp.ClientSession):
    parts = [{"type": "text", "text": "Name three "}, {"type": "text", "text": "birds."}]
    body = {**chat(), "messages": [{"role": "user", "content": parts}]}
    assert (await answer(http, CHAT, body))["usage"] == (await answer(http, CHAT, chat()))["usage"]


async def test_an_image_is_refused_by_a_model_of_text(http: aiohttp.ClientSession, target: Target):
    if target.lacks("images"):
        image = {
            "type": "image_url",
            "image_url": {"url": "data:image/gif;base64,R0lGODdhAQABAIEAAP///wAAAAAAAAAAAA=="},
        }
        body = {**chat(), "messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, image]}]}
        status, error = await refusal(http, CHAT, body)
        assert (status, error["error_type"]) == (422, "validation")


async def test_stop_is_part_of_the_answer(http: aiohttp.ClientSession):
    whole = (await say(http))["message"]["content"]
    stop = whole.split()[1]
    choice = await say(http, stop=[stop])
    assert choice["finish_reason"] == "stop_sequence"
    assert choice["message"]["content"].endswith(stop)
    assert len(choice["message"]["content"]) < len(whole)


async def test_the_end_of_the_turn_is_stop(http: aiohttp.ClientSession):
    # One of these half answers is ended by any model soon.
    for start in ("Yes.", "Yes. I agree with you.", "Yes, of course. Have a nice day! Goodbye."):
        choice = await say(http, ("user", "Say only the word yes."), ("assistant", start), max_tokens=100)
        if choice["finish_reason"] == "stop":
            assert "<|" not in choice["message"]["content"]
            return
    raise AssertionError("no answer ended by itself")


async def test_a_seed_repeats_an_answer_and_another_does_not(http: aiohttp.ClientSession):
    first, again, other = [await say(http, temperature=0.9, seed=seed, max_tokens=24) for seed in (3, 3, 4)]
    assert first == again
    assert first != other


async def test_temperature_zero_is_greedy_and_none_is_not(http: aiohttp.ClientSession):
    assert await say(http, seed=1) == await say(http, seed=2)
    hot = [(await say(http, temperature=1.5, max_tokens=24))["message"]["content"] for _ in range(2)]
    assert hot[0] != hot[1]
    unset = chat(max_tokens=24)
    del unset["temperature"]
    first, second = [(await answer(http, CHAT, {**unset, "seed": seed}))["choices"] for seed in (5, 6)]
    assert first != second


async def test_max_completion_tokens_is_another_name(http: aiohttp.ClientSession):
    body = chat(max_completion_tokens=3)
    del body["max_tokens"]
    assert (await answer(http, CHAT, body))["usage"]["completion_tokens"] == 3


async def test_penalties_change_the_answer(http: aiohttp.ClientSession):
    repeated = (("user", "Laugh."), ("assistant", "ha" + " ha" * 60))
    sampled = {"max_tokens": 32, "temperature": 1.5, "seed": 2}
    assert await say(http, *repeated, **sampled, frequency_penalty=2.0) != await say(http, *repeated, **sampled)
    plain = await say(http, max_tokens=32)
    # presence_penalty becomes a repetition penalty of 2 more: 0 is one of 2.0, not none.
    assert await say(http, max_tokens=32, presence_penalty=0.0) != plain
    await assert_refused(http, CHAT, chat(presence_penalty=-2.0), "`repetition_penalty` must be strictly positive")


@pytest.mark.parametrize(("feature", "value"), [("logit_bias", {"5": 1}), ("n", 2)])
async def test_what_tgi_ignores_is_refused_here(
    http: aiohttp.ClientSession, target: Target, feature: Any, value: object
):
    if target.lacks(feature):
        await assert_refused(http, CHAT, chat(**{feature: value}), f"`{feature}`")
        await assert_refused(http, CHAT, chat(**{feature: value}, stream=True), f"`{feature}`")
    assert (await say(http, n=1, max_tokens=1))["message"]


async def test_messages_the_template_refuses_are_a_template_error_before_the_stream(http: aiohttp.ClientSession):
    for stream in (False, True):
        status, error = await refusal(http, CHAT, {**chat(stream=stream), "messages": []})
        assert status == 422
        assert error["error_type"] in ("template_error", "validation")
        assert error["error"].startswith(("Template error: ", "Input validation error: "))


async def test_a_prompt_that_is_too_long_is_refused_with_the_numbers(http: aiohttp.ClientSession):
    async with http.get("/info") as response:
        info = await response.json()
    body = chat(("user", "Hello " * (info["max_total_tokens"] + 10)))
    status, error = await refusal(http, CHAT, body)
    assert (status, error["error_type"]) == (422, "validation")
    assert f"must be <= {info['max_total_tokens']}. Given: " in error["error"]
