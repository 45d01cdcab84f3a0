"""The Messages API: whole answers, chunks, continuation, refusals."""

from typing import Any

import aiohttp
import pytest

from tests.tgi.wire import DONE, answer, events, refusal

PATH = "/v1/chat/completions"


def body(*messages: tuple[str, str], **more: Any) -> dict[str, Any]:
    turns = messages or (("user", "Name three birds."),)
    listed = [{"role": role, "content": content} for role, content in turns]
    return {"model": "tgi", "messages": listed, "max_tokens": 8, "temperature": 0, **more}


async def test_a_whole_answer(http: aiohttp.ClientSession):
    completion = await answer(http, PATH, body())
    assert completion["object"] == "chat.completion"
    choice = completion["choices"][0]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    assert choice["finish_reason"] == "length"
    usage = completion["usage"]
    assert usage["completion_tokens"] == 8
    assert usage["total_tokens"] == usage["prompt_tokens"] + 8


async def test_chunks_one_per_token_then_done(http: aiohttp.ClientSession):
    received = await events(http, PATH, body(stream=True))
    assert received.pop() == DONE
    assert len(received) == 8
    for chunk in received:
        assert chunk["object"] == "chat.completion.chunk"
        assert chunk["id"] == ""
        assert chunk["usage"] is None
        assert chunk["choices"][0]["delta"]["role"] == "assistant"
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in received]
    assert reasons == [None] * 7 + ["length"]
    text = "".join(chunk["choices"][0]["delta"]["content"] for chunk in received)
    assert text == (await answer(http, PATH, body()))["choices"][0]["message"]["content"]


async def test_usage_is_a_chunk_without_choices(http: aiohttp.ClientSession):
    received = await events(http, PATH, body(stream=True, stream_options={"include_usage": True}))
    assert received.pop() == DONE
    assert received[-1]["choices"] == []
    assert received[-1]["usage"]["completion_tokens"] == 8
    assert all(chunk["choices"] for chunk in received[:-1])


async def test_the_end_of_the_turn_is_stop_and_its_token_has_no_text(http: aiohttp.ClientSession):
    # One of these half answers is ended by any model soon.
    for start in ("Yes.", "Yes. I agree with you.", "Yes, of course. Have a nice day! Goodbye."):
        turns = (("user", "Say only the word yes."), ("assistant", start))
        received = await events(http, PATH, body(*turns, max_tokens=200, stream=True))
        last = received[-2]["choices"][0]
        if last["finish_reason"] == "stop":
            assert last["delta"]["content"] == ""
            return
    raise AssertionError("no answer ended by itself")


async def test_the_model_is_echoed_and_tgi_is_the_one_served(http: aiohttp.ClientSession):
    async with http.get("/info") as response:
        model_id = (await response.json())["model_id"]
    assert (await answer(http, PATH, body()))["model"] == model_id
    assert (await answer(http, PATH, body(model=model_id)))["model"] == model_id


async def test_a_trailing_assistant_message_is_continued(http: aiohttp.ClientSession):
    whole = (await answer(http, PATH, body(max_tokens=24)))["choices"][0]["message"]["content"]
    half = whole[: whole.index(" ", len(whole) // 2)]
    request = body(("user", "Name three birds."), ("assistant", half), max_tokens=24)
    continued = (await answer(http, PATH, request))["choices"][0]["message"]["content"]
    # Only the new text comes back, and the two make the same answer as one go.
    assert not continued.startswith(half)
    assert (half + continued).startswith(whole)


async def test_an_empty_assistant_message_starts_the_answer(http: aiohttp.ClientSession):
    plain = await answer(http, PATH, body())
    empty = await answer(http, PATH, body(("user", "Name three birds."), ("assistant", "")))
    assert empty["choices"][0]["message"] == plain["choices"][0]["message"]
    assert empty["usage"] == plain["usage"]


async def test_parts_of_text_are_joined(http: aiohttp.ClientSession):
    parts = [{"type": "text", "text": "Name three "}, {"type": "text", "text": "birds."}]
    request = {**body(), "messages": [{"role": "user", "content": parts}]}
    assert (await answer(http, PATH, request))["usage"] == (await answer(http, PATH, body()))["usage"]


async def test_stop_is_part_of_the_answer(http: aiohttp.ClientSession):
    received = await events(http, PATH, body(stream=True))
    stop = received[3]["choices"][0]["delta"]["content"]
    completion = await answer(http, PATH, body(stop=[stop]))
    assert completion["choices"][0]["finish_reason"] == "stop_sequence"
    assert completion["choices"][0]["message"]["content"].endswith(stop)


async def test_a_seed_repeats_an_answer_and_another_does_not(http: aiohttp.ClientSession):
    # A prompt that was just read and one that comes from the cache differ in the last bits: warm it first.
    await answer(http, PATH, body())
    first, again, other = [
        await answer(http, PATH, body(temperature=0.8, seed=seed, max_tokens=24)) for seed in (3, 3, 4)
    ]
    assert first["choices"] == again["choices"]
    assert first["choices"] != other["choices"]


async def test_max_completion_tokens_is_another_name(http: aiohttp.ClientSession):
    request = body(max_completion_tokens=3)
    del request["max_tokens"]
    assert (await answer(http, PATH, request))["usage"]["completion_tokens"] == 3


async def test_a_validation_error_is_a_422(http: aiohttp.ClientSession):
    status, error = await refusal(http, PATH, body(top_p=1.0))
    assert (status, error["error_type"]) == (422, "validation")


async def test_a_validation_error_of_a_stream_is_an_event_then_done(http: aiohttp.ClientSession):
    error, done = await events(http, PATH, body(top_p=1.0, stream=True))
    assert error["error"]["http_status_code"] == 422
    assert error["error"]["message"].startswith("Input validation error: `top_p`")
    assert done == DONE


async def test_stop_as_a_string_has_the_wrong_shape(http: aiohttp.ClientSession):
    async with http.post(PATH, json=body(stop="x")) as response:
        assert response.status == 422
        assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("missing", ["messages"])
async def test_a_missing_field_is_a_422(http: aiohttp.ClientSession, missing: str):
    request = body()
    del request[missing]
    async with http.post(PATH, json=request) as response:
        assert response.status == 422
