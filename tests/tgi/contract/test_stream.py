"""``/generate_stream`` and the root with ``stream``: events, byte for byte."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.tgi.contract.asking import PROMPT, generate, generate_stream, prompt
from tests.tgi.wire import DONE, events


async def test_the_bytes_of_a_stream(http: aiohttp.ClientSession):
    async with http.post("/generate_stream", json=prompt(max_new_tokens=2)) as response:
        assert response.status == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["x-compute-type"]
        assert response.headers["x-compute-characters"] == str(len(PROMPT))
        raw = (await response.read()).decode()
    # Frames of one line each, no other field, no [DONE].
    first, second, end = raw.split("\n\n")
    assert end == ""
    assert first.startswith('data: {"index":1,"token":{"id":')
    assert json.loads(first.removeprefix("data: ")).keys() == {"index", "token", "generated_text", "details"}
    assert json.loads(second.removeprefix("data: "))["index"] == 2


async def test_events_count_from_one_and_the_last_has_the_text(http: aiohttp.ClientSession):
    received = await generate_stream(http)
    assert DONE not in received
    assert [event["index"] for event in received] == list(range(1, 9))
    assert all(event["generated_text"] is None and event["details"] is None for event in received[:-1])
    assert all(event["token"].keys() == {"id", "text", "logprob", "special"} for event in received)
    last = received[-1]
    assert last["generated_text"] == "".join(event["token"]["text"] for event in received)
    assert last["details"].pop("input_length") > 0
    assert last["details"] == {"finish_reason": "length", "generated_tokens": 8, "seed": None}


async def test_details_are_null_unless_asked_for(http: aiohttp.ClientSession):
    assert (await events(http, "/generate_stream", prompt()))[-1]["details"] is None


async def test_a_stream_and_a_plain_answer_agree(http: aiohttp.ClientSession):
    plain, streamed = await generate(http), await generate_stream(http)
    ids = [token["id"] for token in plain["details"]["tokens"]]
    assert [event["token"]["id"] for event in streamed] == ids
    assert streamed[-1]["generated_text"] == plain["generated_text"]


async def test_the_prompt_comes_before_the_last_events_text_alone(http: aiohttp.ClientSession):
    received = await generate_stream(http, return_full_text=True)
    text = "".join(event["token"]["text"] for event in received)
    assert received[-1]["generated_text"] == PROMPT + text


async def test_a_seed_is_told_and_repeats_the_stream(http: aiohttp.ClientSession):
    first, second = [await generate_stream(http, seed=11, temperature=0.9) for _ in range(2)]
    assert first[-1]["details"]["seed"] == 11
    assert first[-1]["generated_text"] == second[-1]["generated_text"]


async def test_the_root_streams_when_asked_to(http: aiohttp.ClientSession):
    received = await events(http, "/", {**prompt(return_full_text=False), "stream": True})
    same = await events(http, "/generate_stream", prompt())
    assert [event["token"]["id"] for event in received] == [event["token"]["id"] for event in same]
    assert received[-1]["generated_text"] == same[-1]["generated_text"]


async def test_characters_of_several_tokens_arrive_whole(http: aiohttp.ClientSession):
    text = "Copy: 😀 🎉 日本語 漢字 😀 🎉 日本語 漢字 😀 🎉 日本語 漢字 😀 🎉"
    request = {"inputs": text, "parameters": {"max_new_tokens": 24}}
    received = await events(http, "/generate_stream", request)
    pieces = [event["token"]["text"] for event in received]
    assert "\ufffd" not in "".join(pieces)
    assert "".join(pieces) == received[-1]["generated_text"]
    assert any(not piece.isascii() for piece in pieces)


async def test_the_length_limit_inside_a_character_leaves_it_out(http: aiohttp.ClientSession):
    text = "Copy: 😀 🎉 😀 🎉 😀 🎉 😀 🎉 😀 🎉 😀 🎉"
    for limit in (1, 2, 3, 4):
        received = await events(http, "/generate_stream", {"inputs": text, "parameters": {"max_new_tokens": limit}})
        assert len(received) == limit
        pieces = "".join(event["token"]["text"] for event in received)
        assert "\ufffd" not in pieces
        # TGI's own text is empty then, and the events have what is whole.
        assert received[-1]["generated_text"] in (pieces, "")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"best_of": 2, "do_sample": True}, "`best_of` != 1 is not supported when streaming tokens"),
        ({"best_of": 2, "temperature": 0.0}, "`best_of` != 1 is not supported when streaming tokens"),
        ({"decoder_input_details": True}, "`decoder_input_details` == true is not supported when streaming"),
        ({"temperature": 0.0}, "`temperature` must be strictly positive"),
        ({"grammar": {"type": "json", "value": "{not json"}}, "grammar is not valid: "),
    ],
)
async def test_a_validation_error_is_the_only_event_of_a_200(
    http: aiohttp.ClientSession, parameters: dict[str, Any], message: str
):
    for path, more in (("/generate_stream", {}), ("/", {"stream": True})):
        (event,) = await events(http, path, {**prompt(**parameters), **more})
        assert event.keys() == {"error", "error_type"}
        assert event["error_type"] == "validation"
        assert event["error"].startswith(f"Input validation error: {message}")


async def test_eight_streams_run_side_by_side(http: aiohttp.ClientSession):
    async with http.get("/info") as response:
        number = min(8, (await response.json())["max_concurrent_requests"])
    received = await asyncio.gather(*(generate_stream(http, max_new_tokens=16) for _ in range(number)))
    assert [len(stream) for stream in received] == [16] * number
    assert all(stream[-1]["details"]["generated_tokens"] == 16 for stream in received)
