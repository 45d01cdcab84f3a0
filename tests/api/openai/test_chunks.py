"""TGI's events as OpenAI's chunks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.openai.chunks import ChatChunks, StopTrimmer, whole_chat
from inference.errors import Interrupted

HEAD = {"id": "chatcmpl-1", "created": 1, "model": "m"}


def said(text: str, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None, **more}
    return {"choices": [choice], "usage": None}


def called(arguments: str, name: str | None = None, **more: Any) -> dict[str, Any]:
    """As TGI streams a call: everything in every chunk."""
    call = {"index": 0, "id": "7", "type": "function", "function": {"name": name, "arguments": arguments}}
    choice = {"index": 0, "delta": {"role": "assistant", "tool_calls": [call]}, "finish_reason": None, **more}
    return {"choices": [choice], "usage": None}


def chunks_of(*events: dict[str, Any], stops: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    chunks = ChatChunks(HEAD, stops=stops, include_usage=False)
    return [chunk for event in events for chunk in chunks.take(event)] + chunks.end()


def trimmed(pieces: list[str], stops: list[str]) -> str:
    trimmer = StopTrimmer(stops)
    return "".join([trimmer.feed(piece) for piece in pieces]) + trimmer.end()


@given(st.lists(st.text("ab|", max_size=4)), st.lists(st.text("ab|", min_size=1, max_size=3), max_size=4))
def test_a_text_goes_to_the_first_stop_however_it_is_cut(pieces: list[str], stops: list[str]):
    text = "".join(pieces)
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    assert trimmed(pieces, stops) == text[: min(ends, default=len(text))]


def test_only_what_may_begin_a_stop_is_held_back():
    trimmer = StopTrimmer(["\nEnd"])
    assert [trimmer.feed(piece) for piece in ("one", " two\n", "E", "r", "\nEn")] == ["one", " two", "", "\nEr", ""]
    assert trimmer.end() == "\nEn"


def test_the_role_is_said_once_and_the_end_has_a_chunk_of_its_own():
    first, second, end = chunks_of(said("a"), said(""), said("b", finish_reason="eos_token"))
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "a"}
    assert second["choices"][0]["delta"] == {"content": "b"}
    assert end["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}


@pytest.mark.parametrize("last", [None, "stop", "tool_calls"])
def test_a_call_has_its_name_once_and_ends_as_a_call_whatever_tgi_says(last: str | None):
    made = chunks_of(called("{", "now"), called("}", finish_reason=last))
    calls = [chunk["choices"][0]["delta"].get("tool_calls") for chunk in made]
    assert calls == [
        [{"index": 0, "id": "7", "type": "function", "function": {"name": "now", "arguments": "{"}}],
        [{"index": 0, "function": {"arguments": "}"}}],
        None,
    ]
    assert made[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_call_that_was_cut_off_says_so():
    assert chunks_of(called("{", "now", finish_reason="length"))[-1]["choices"][0]["finish_reason"] == "length"


def test_an_answer_without_an_end_is_an_interruption():
    with pytest.raises(Interrupted):
        chunks_of(said("a"))


def test_tokens_are_counted_where_the_server_does_not():
    chunks = ChatChunks(HEAD, stops=(), include_usage=True)
    made = [*chunks.take(said("a")), *chunks.take(said("b", finish_reason="stop")), *chunks.end()]
    assert made[-1]["usage"] == {"prompt_tokens": 0, "completion_tokens": 2, "total_tokens": 2}
    assert whole_chat(HEAD, made, chunks.usage)["choices"][0]["message"]["content"] == "ab"
