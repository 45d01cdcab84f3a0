"""Bytes of an event stream to chunks. Pure."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import GenerationFailed, InferenceError, Overloaded, Rejected
from inference.protocol import Chunk, EventReader


def frame(value: Any) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def delta(text: str | None, finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    return {"object": "chat.completion.chunk", "choices": [choice], "usage": None}


TEXTS = ["Hello", " 🙂", "\u2028", "\u2029\x85\x0b\x0c\x1c", "\r\n", "data: [DONE]", "", "日本"]
USAGE = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11}}
STREAM = (
    b":\n\n"
    + b"".join(frame(delta(text)) for text in TEXTS)
    + b": keep-alive\n\n"
    + frame(delta(None, "stop"))
    + frame(USAGE)
    + b"data: [DONE]\n\n"
)


def read(*parts: bytes) -> tuple[list[Chunk], bool]:
    reader = EventReader()
    return [chunk for part in parts for chunk in reader.feed(part)], reader.done


def test_a_stream_is_read_whole():
    chunks, done = read(STREAM)
    assert done
    assert [chunk.choices[0].delta.content for chunk in chunks[:-2]] == TEXTS
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (3, 8)


def test_it_makes_no_difference_where_it_is_cut():
    for cut in range(len(STREAM) + 1):
        assert read(STREAM[:cut], STREAM[cut:]) == read(STREAM), cut


@given(st.sets(st.integers(0, len(STREAM))))
def test_nor_into_how_many_parts(cuts: set[int]):
    edges = [0, *sorted(cuts), len(STREAM)]
    parts = [STREAM[start:end] for start, end in pairwise(edges)]
    assert read(*parts) == read(STREAM)


@given(st.lists(st.text()))
def test_any_text_arrives_as_it_was_sent(texts: list[str]):
    chunks, _ = read(b"".join(frame(delta(text)) for text in texts))
    assert [chunk.choices[0].delta.content for chunk in chunks] == texts


def test_line_ends_of_carriage_return_and_line_feed_are_read_too():
    assert read(STREAM.replace(b"}\n\n", b"}\r\n\r\n").replace(b"]\n\n", b"]\r\n\r\n")) == read(STREAM)


def test_what_is_not_whole_yet_is_kept_back():
    assert read(frame(delta("x"))[:-2]) == ([], False)


@pytest.mark.parametrize("line", [b"event: message\n", b"id: 7\n", b"retry: 5\n", b"\n", b":\n", b"datum: {}\n"])
def test_other_lines_are_skipped(line: bytes):
    assert read(line + frame(delta("x")) + line) == read(frame(delta("x")))


def test_no_space_after_the_colon_is_needed():
    assert read(frame(delta("x")).replace(b"data: ", b"data:")) == read(frame(delta("x")))


def test_fields_and_choices_of_other_servers_are_no_error():
    chunks, _ = read(
        frame(
            {
                "id": "1",
                "choices": [{"delta": {"content": "x", "reasoning": "y", "tool_calls": []}}],
                "more": {},
            }
        )
    )
    assert chunks[0].choices[0].delta.content == "x"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"error": {"message": "Model is overloaded", "http_status_code": 422}}, Overloaded),
        ({"error": {"message": "Input validation error: too long", "http_status_code": 422}}, Rejected),
        ({"error": {"message": "CUDA out of memory", "http_status_code": 422}}, GenerationFailed),
        ({"error": "Model is overloaded", "error_type": "overloaded"}, Overloaded),
        ({"error": {"code": 500}}, GenerationFailed),
    ],
)
def test_an_error_inside_the_stream_is_raised_after_what_came_before(error: dict[str, Any], kind: type[InferenceError]):
    reader = EventReader()
    chunks = reader.feed(frame(delta("before")) + frame(error) + b"data: [DONE]\n\n")
    assert next(chunks).choices[0].delta.content == "before"
    with pytest.raises(kind):
        next(chunks)


@pytest.mark.parametrize("payload", [b"", b"{", b"nonsense", b"[]", b'{"choices": 1}', b'"\\ud800"', b"\xff"])
def test_what_is_no_chunk_is_an_error_that_shows_it(payload: bytes):
    with pytest.raises(GenerationFailed, match="not a chat completion chunk"):
        read(b"data: " + payload + b"\n")
