"""The rules of a generation: which, in which order, in which words."""

from typing import Any

import pytest

from tgi.errors import ValidationError
from tgi.protocol.requests import GenerateParameters
from tgi.protocol.validation import (
    Limits,
    check_lengths,
    check_parameters,
    check_stream,
)

LIMITS = Limits(max_input_tokens=90, max_total_tokens=100)

# Each breaks one rule, in the order in which TGI looks at them; the last value is what mends it.
RULES: list[tuple[str, Any, str, Any]] = [
    ("best_of", 2, "`best_of` must be > 0 and <= 1. Given: 2", None),
    ("temperature", 0.0, "`temperature` must be strictly positive", 0.5),
    ("repetition_penalty", -1.0, "`repetition_penalty` must be strictly positive", 1.1),
    ("frequency_penalty", -2.1, "`frequency_penalty` must be >= -2.0 and <= 2.0", -2.0),
    ("top_p", 1.0, "`top_p` must be > 0.0 and < 1.0", 0.99),
    ("typical_p", 1.0, "`typical_p` must be > 0.0 and < 1.0", 0.01),
    ("top_k", 0, "`top_k` must be strictly positive", 1),
    ("max_new_tokens", 0, "`max_new_tokens` must be strictly positive", 1),
    ("stop", ("a",) * 5, "`stop` supports up to 4 stop sequences. Given: 5", ("a",) * 4),
    ("top_n_tokens", 6, "`top_n_tokens` must be >= 0 and <= 5. Given: 6", None),
    ("truncate", 91, "`truncate` must be strictly positive and less than 90. Given: 91", 90),
]


def test_the_first_broken_rule_is_the_one_reported():
    values = {name: bad for name, bad, _, _ in RULES}
    for name, _, message, good in RULES:
        with pytest.raises(ValidationError) as error:
            check_parameters("x", GenerateParameters(**values), LIMITS)
        assert str(error.value) == f"Input validation error: {message}"
        values[name] = good
    check_parameters("x", GenerateParameters(**values), LIMITS)


def test_an_empty_prompt_is_looked_at_before_truncate():
    with pytest.raises(ValidationError, match="`inputs` cannot be empty"):
        check_parameters("", GenerateParameters(truncate=0), LIMITS)


@pytest.mark.parametrize(
    "wish",
    [
        {"top_n_tokens": 1},
        {"grammar": {"type": "regex", "value": "a"}},
        {"watermark": True},
        {"decoder_input_details": True},
        {"adapter_id": "x"},
    ],
)
def test_what_is_not_there_yet_is_refused(wish: dict[str, Any]):
    with pytest.raises(ValidationError, match=f"`{next(iter(wish))}` is not supported"):
        check_parameters("x", GenerateParameters(**wish), LIMITS)


@pytest.mark.parametrize(
    ("wish", "samples"),
    [
        ({}, False),
        ({"do_sample": True}, True),
        ({"temperature": 1.0}, False),
        ({"temperature": 0.9}, True),
        ({"top_k": 1}, True),
        ({"top_p": 0.9}, True),
        ({"typical_p": 0.9}, True),
        ({"seed": 5}, False),
    ],
)
def test_what_samples_and_what_is_greedy(wish: dict[str, Any], samples: bool):
    sampling = check_parameters("x", GenerateParameters(**wish), LIMITS)
    assert (sampling.seed is not None) == samples


def test_a_given_seed_is_kept_and_another_is_drawn_each_time():
    assert check_parameters("x", GenerateParameters(do_sample=True, seed=5), LIMITS).seed == 5
    drawn = {check_parameters("x", GenerateParameters(do_sample=True), LIMITS).seed for _ in range(8)}
    assert len(drawn) == 8


@pytest.mark.parametrize("wish", [{"best_of": 2}, {"best_of": 0}, {"decoder_input_details": True}])
def test_a_stream_refuses(wish: dict[str, Any]):
    with pytest.raises(ValidationError, match="is not supported when streaming tokens"):
        check_stream(GenerateParameters(**wish))


def test_a_stream_may_ask_for_one_best():
    check_stream(GenerateParameters(best_of=1))


def test_lengths():
    assert check_lengths(10, 90, LIMITS) == 90
    assert check_lengths(10, None, LIMITS) == 90
    with pytest.raises(ValidationError) as error:
        check_lengths(11, 90, LIMITS)
    assert str(error.value) == (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 100. "
        "Given: 11 `inputs` tokens and 90 `max_new_tokens`"
    )
    with pytest.raises(ValidationError, match=r"`inputs` must have less than 90 tokens\. Given: 91"):
        check_lengths(91, 9, LIMITS)
    with pytest.raises(ValidationError, match="Given: 101 `inputs` tokens and 0 `max_new_tokens`"):
        check_lengths(101, None, LIMITS)
