"""Chat completions in chunks: their fields, the end, usage, errors."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.tgi.contract.asking import CHAT, chat, messages, say, say_stream
from tests.tgi.wire import DONE, events

FIELDS = {"object", "id", "created", "model", "system_fingerprint", "choices", "usage"}


async def test_chunks_one_per_token_then_done(http: aiohttp.ClientSession):
    chunks = await say_stream(http)
    assert len(chunks) == 8
    for chunk in chunks:
        assert chunk.keys() == FIELDS
        assert (chunk["object"], chunk["id"], chunk["usage"]) == ("chat.completion.chunk", "", None)
        (choice,) = chunk["choices"]
        assert choice.keys() == {"index", "delta", "logprobs", "finish_reason"}
        assert (choice["index"], choice["logprobs"]) == (0, None)
        assert choice["delta"].keys() == {"role", "content"}
        assert choice["delta"]["role"] == "assistant"
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons == [None] * 7 + ["length"]
    text = "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks)
    assert text == (await say(http))["message"]["content"]


async def test_the_bytes_of_a_chat_stream(http: aiohttp.ClientSession):
    async with http.post(CHAT, json=chat(max_tokens=1, stream=True)) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        raw = (await response.read()).decode()
    chunk, done, end = raw.split("\n\n")
    assert json.loads(chunk.removeprefix("data: "))["choices"]
    assert (done, end) == ("data: [DONE]", "")


async def test_usage_is_a_chunk_without_choices(http: aiohttp.ClientSession):
    *chunks, last = await say_stream(http, stream_options={"include_usage": True})
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 8
    assert last["usage"]["total_tokens"] == last["usage"]["prompt_tokens"] + 8
    assert all(chunk["choices"] and chunk["usage"] is None for chunk in chunks)
    without = await say_stream(http, stream_options={"include_usage": False})
    assert all(chunk["choices"] for chunk in without)


async def test_the_token_that_ends_the_turn_has_no_text(http: aiohttp.ClientSession):
    for start in ("Yes.", "Yes. I agree with you.", "Yes, of course. Have a nice day! Goodbye."):
        turns = (("user", "Say only the word yes."), ("assistant", start))
        chunks = await say_stream(http, *turns, max_tokens=100)
        last = chunks[-1]["choices"][0]
        if last["finish_reason"] == "stop":
            assert last["delta"] == {"role": "assistant", "content": ""}
            return
    raise AssertionError("no answer ended by itself")


async def test_the_model_is_echoed_in_every_chunk(http: aiohttp.ClientSession):
    async with http.get("/info") as response:
        model_id = (await response.json())["model_id"]
    assert {chunk["model"] for chunk in await say_stream(http, max_tokens=2)} == {model_id}


async def test_stop_ends_the_stream_with_its_text(http: aiohttp.ClientSession):
    stop = (await say_stream(http))[3]["choices"][0]["delta"]["content"]
    chunks = await say_stream(http, stop=[stop])
    last = chunks[-1]["choices"][0]
    assert last["finish_reason"] == "stop_sequence"
    assert last["delta"]["content"].endswith(stop)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"top_p": 1.0}, "`top_p` must be > 0.0 and < 1.0"),
        ({"max_tokens": 10_000_000}, "`inputs` tokens + `max_new_tokens` must be <= "),
        ({"stop": list("abcde")}, "`stop` supports up to 4 stop sequences. Given: 5"),
        ({"response_format": {"type": "json_object", "value": "{not json"}}, "grammar is not valid: "),
    ],
)
async def test_a_validation_error_is_an_event_of_a_200_then_done(
    http: aiohttp.ClientSession, wrong: dict[str, Any], words: str
):
    error, done = await events(http, CHAT, chat(**wrong, stream=True))
    assert error.keys() == {"error"}
    assert error["error"].keys() == {"message", "http_status_code"}
    assert error["error"]["http_status_code"] == 422
    assert error["error"]["message"].startswith(f"Input validation error: {words}")
    assert done == DONE


async def test_a_wrong_shape_is_refused_before_the_stream(http: aiohttp.ClientSession):
    async with http.post(CHAT, json={"messages": messages(), "stream": True, "stop": "x"}) as response:
        assert response.status == 422
        assert response.headers["content-type"].startswith("text/plain")


async def test_several_chats_run_side_by_side(http: aiohttp.ClientSession):
    questions = ("Name three birds.", "Name three fish.", "Name three trees.", "Name three stones.")
    streams = await asyncio.gather(*(say_stream(http, ("user", question), max_tokens=12) for question in questions))
    assert [len(chunks) for chunks in streams] == [12] * 4
