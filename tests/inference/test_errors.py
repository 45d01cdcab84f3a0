"""Which error a status or a message of the inference server stands for."""

from __future__ import annotations

import pytest

from inference import errors
from inference.errors import InferenceError, from_message, from_status


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (400, "rejected", False),
        (401, "misconfigured", False),
        (403, "misconfigured", False),
        (404, "misconfigured", False),
        (405, "misconfigured", False),
        (413, "rejected", False),
        (415, "rejected", False),
        (422, "rejected", False),
        (424, "generation_failed", True),
        (429, "overloaded", True),
        (500, "unavailable", True),
        (502, "unavailable", True),
        (503, "unavailable", True),
        (504, "unavailable", True),
    ],
)
def test_a_status_says_whether_trying_again_helps(status: int, code: str, retryable: bool):
    error = from_status(status, "the server's words")
    assert (error.code, error.retryable) == (code, retryable)
    assert "the server's words" in str(error)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Model is overloaded", "overloaded"),
        ("model is OVERLOADED", "overloaded"),
        ("Input validation error: `inputs` must have less than 4096 tokens", "rejected"),
        ("Template error: invalid operation", "rejected"),
        ("Tool error: no function", "rejected"),
        ("Request failed during generation: Server error: CUDA out of memory", "generation_failed"),
        ("Incomplete generation stream", "generation_failed"),
        ("", "generation_failed"),
    ],
)
def test_a_message_inside_a_stream_is_judged_by_its_words(message: str, code: str):
    assert from_message(message).code == code


def kinds() -> list[type[InferenceError]]:
    return [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, InferenceError)]


def test_every_kind_has_a_code_of_its_own_and_words_for_the_reader():
    assert len(kinds()) == 9
    assert len({kind.code for kind in kinds()}) == len(kinds())
    for kind in kinds():
        assert kind.message.endswith(".")
        assert str(kind()) == kind.message
        assert str(kind("detail")) == "detail"
