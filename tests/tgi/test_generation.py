"""Stopping rules and texts, over tokens written by hand."""

import pytest

from tgi.engines.base import Token
from tgi.generation import Stopping
from tgi.protocol.requests import CompatGenerateRequest, GenerateParameters


def reasons(stopping: Stopping, *tokens: Token) -> list[str | None]:
    return [stopping.check(token) for token in tokens]


END = Token(2, "<end>", special=True, eos=True)


def test_length_comes_before_the_end_of_the_turn():
    assert reasons(Stopping(2, ()), Token(5, "a"), END) == [None, "length"]
    assert reasons(Stopping(3, ()), Token(5, "a"), END) == [None, "eos_token"]


def test_a_special_token_that_does_not_end_the_turn_goes_on():
    assert reasons(Stopping(9, ()), Token(1, "<start>", special=True)) == [None]


@pytest.mark.parametrize(
    ("texts", "stopped"),
    [
        (("x", " stop"), True),
        (("x st", "op"), True),
        (("stop\n",), True),
        (("stop\n\n",), False),
        (("stopped",), False),
        (("st", "", "op"), True),
    ],
)
def test_a_stop_text_counts_at_the_end_of_the_output(texts: tuple[str, ...], stopped: bool):
    found = reasons(Stopping(9, ("never", "stop")), *(Token(5, text) for text in texts))
    assert found[:-1] == [None] * (len(texts) - 1)
    assert (found[-1] == "stop_sequence") == stopped


def test_a_long_answer_keeps_only_what_the_stop_texts_need():
    stopping = Stopping(10_000, ("abc",))
    assert not any(reasons(stopping, *(Token(5, "ab") for _ in range(1000))))
    assert stopping.check(Token(5, "abc")) == "stop_sequence"


def test_the_root_returns_the_prompt_unless_told_otherwise():
    def returned(given: bool | None) -> bool | None:
        request = CompatGenerateRequest("x", GenerateParameters(return_full_text=given))
        return request.parameters_with_prompt().return_full_text

    assert [returned(None), returned(True), returned(False)] == [True, True, False]
