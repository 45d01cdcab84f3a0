"""``/generate_stream`` and the root with ``stream``: events, byte for byte."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.tgi.wire import DONE, answer, events

PROMPT = "Once upon a time, there was a little"


def body(**parameters: Any) -> dict[str, Any]:
    return {"inputs": PROMPT, "parameters": {"max_new_tokens": 8, **parameters}}


async def test_events_count_from_one_and_the_last_has_the_text(http: aiohttp.ClientSession):
    received = await events(http, "/generate_stream", body(details=True))
    assert DONE not in received
    assert [event["index"] for event in received] == list(range(1, 9))
    assert all(event["generated_text"] is None and event["details"] is None for event in received[:-1])
    last = received[-1]
    assert last["generated_text"] == "".join(event["token"]["text"] for event in received)
    assert last["details"]["finish_reason"] == "length"
    assert last["details"]["generated_tokens"] == 8
    assert last["details"]["input_length"] > 0


async def test_details_are_null_unless_asked_for(http: aiohttp.ClientSession):
    assert (await events(http, "/generate_stream", body()))[-1]["details"] is None


async def test_a_stream_and_a_plain_answer_agree(http: aiohttp.ClientSession):
    plain = await answer(http, "/generate", body(details=True))
    streamed = await events(http, "/generate_stream", body())
    ids = [token["id"] for token in plain["details"]["tokens"]]
    assert [event["token"]["id"] for event in streamed] == ids
    assert streamed[-1]["generated_text"] == plain["generated_text"]


async def test_the_root_streams_when_asked_to(http: aiohttp.ClientSession):
    received = await events(http, "/", {**body(return_full_text=False), "stream": True})
    assert len(received) == 8
    assert received[-1]["generated_text"]


async def test_characters_of_several_tokens_arrive_whole(http: aiohttp.ClientSession):
    text = "Copy: 😀 🎉 日本語 漢字 😀 🎉 日本語 漢字 😀 🎉 日本語 漢字 😀 🎉"
    request = {"inputs": text, "parameters": {"max_new_tokens": 24}}
    received = await events(http, "/generate_stream", request)
    pieces = [event["token"]["text"] for event in received]
    assert "\ufffd" not in "".join(pieces)
    assert "".join(pieces) == received[-1]["generated_text"]
    assert any(not piece.isascii() for piece in pieces)
    assert "" in pieces


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"best_of": 2, "do_sample": True}, "`best_of` != 1 is not supported when streaming tokens"),
        ({"decoder_input_details": True}, "`decoder_input_details` == true is not supported when streaming"),
        ({"temperature": 0.0}, "`temperature` must be strictly positive"),
    ],
)
async def test_a_validation_error_is_one_event_of_a_200(
    http: aiohttp.ClientSession, parameters: dict[str, Any], message: str
):
    received = await events(http, "/generate_stream", body(**parameters))
    assert len(received) == 1
    assert received[0]["error_type"] == "validation"
    assert received[0]["error"].startswith(f"Input validation error: {message}")


async def test_eight_streams_run_side_by_side(http: aiohttp.ClientSession):
    requests = [events(http, "/generate_stream", body(max_new_tokens=16)) for _ in range(8)]
    received = await asyncio.gather(*requests)
    assert [len(stream) for stream in received] == [16] * 8
