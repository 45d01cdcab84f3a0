"""Generation parameters: what is accepted here, TGI accepts; what is not is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.parameters import ParameterError, checked


@pytest.mark.parametrize("given", [None, {}])
def test_nothing_is_a_choice_too(given: Any):
    assert checked(given) == {}


@pytest.mark.parametrize(
    "given",
    [
        {"max_tokens": 1},
        {"temperature": 0},
        {"temperature": 2},
        {"top_p": 1},
        {"frequency_penalty": -2},
        {"stop": ["a", "b", "c", "d"]},
        {"seed": 0},
        {"seed": 2**63 - 1},
    ],
)
def test_the_ends_of_the_limits_can_be_used(given: dict[str, Any]):
    assert checked(given) == given


def test_what_is_none_is_left_out():
    assert checked({"seed": None, "top_p": 0.5}) == {"top_p": 0.5}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"max_tokens": 0}, "max_tokens: should be greater than or equal to 1"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
        ({"frequency_penalty": 2.1}, "frequency_penalty"),
        ({"stop": "text"}, "stop"),
        ({"stop": [""]}, "stop.0"),
        ({"stop": ["x" * 201]}, "stop.0"),
        ({"stop": ["a\x00"]}, "stop.0: may not contain a NUL character"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ("text", "parameters"),
    ],
)
def test_what_cannot_be_used_is_named(given: Any, says: str):
    with pytest.raises(ParameterError) as refused:
        checked(given)
    assert str(refused.value).startswith(says)


def test_what_is_accepted_can_be_sent_and_stored_as_json():
    given = {"temperature": 0.5, "stop": ["\u2028", "🙂", '"\\']}
    assert json.loads(json.dumps(checked(given))) == given
