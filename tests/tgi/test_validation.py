"""The rules of a generation: which, in which order, in which words."""

from typing import Any, get_args

import pytest

from tgi.engines.base import Feature
from tgi.errors import ValidationError
from tgi.protocol.requests import GenerateParameters
from tgi.protocol.validation import (
    Limits,
    check_best_of,
    check_lengths,
    check_parameters,
    check_stream,
    check_supported,
)

LIMITS = Limits(max_input_tokens=90, max_total_tokens=100, max_best_of=2)
ALL: frozenset[Feature] = frozenset(get_args(Feature))

# Each breaks one rule, in the order in which TGI looks at them; the last value is what mends it.
RULES: list[tuple[str, Any, str, Any]] = [
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


def test_best_of_is_looked_at_first():
    assert [check_best_of(best_of, LIMITS) for best_of in (None, 1, 2)] == [1, 1, 2]
    for best_of in (0, 3):
        with pytest.raises(ValidationError, match=rf"`best_of` must be > 0 and <= 2\. Given: {best_of}"):
            check_best_of(best_of, LIMITS)
    with pytest.raises(ValidationError, match="`best_of` != 1 is not allowed for this endpoint"):
        check_best_of(2, Limits(max_input_tokens=90, max_total_tokens=100, max_best_of=1))


def test_the_best_of_several_has_to_be_sampled_and_takes_no_seed():
    with pytest.raises(ValidationError, match="you must use sampling when `best_of` is > 1"):
        check_parameters("x", GenerateParameters(best_of=2, repetition_penalty=-1.0), LIMITS)
    with pytest.raises(ValidationError, match="`seed` must not be set when `best_of` > 1"):
        check_parameters("x", GenerateParameters(best_of=2, top_k=5, seed=1, top_n_tokens=9), LIMITS)
    assert check_parameters("x", GenerateParameters(best_of=2, do_sample=True), LIMITS).seed is not None


@pytest.mark.parametrize(
    ("wish", "refusal"),
    [
        ({"grammar": {"type": "regex", "value": "a"}}, "grammar is not supported"),
        ({"decoder_input_details": True}, "`decoder_input_details` is not supported by this server"),
        ({"frequency_penalty": 0.5}, "`frequency_penalty` is not supported by this server"),
        ({"repetition_penalty": 1.5}, "`repetition_penalty` is not supported by this server"),
        ({"top_n_tokens": 1}, "`top_n_tokens` is not supported by this server"),
        ({"typical_p": 0.5}, "`typical_p` is not supported by this server"),
    ],
)
def test_what_an_engine_lacks_is_refused(wish: dict[str, Any], refusal: str):
    with pytest.raises(ValidationError, match=refusal):
        check_supported(GenerateParameters(**wish), ALL - {next(iter(wish))})
    check_supported(GenerateParameters(**wish), ALL)


@pytest.mark.parametrize("wish", [{"watermark": True}, {"adapter_id": "x"}])
def test_what_no_engine_has_is_refused(wish: dict[str, Any]):
    with pytest.raises(ValidationError, match=f"`{next(iter(wish))}` is not supported"):
        check_supported(GenerateParameters(**wish), ALL)


def test_a_value_that_changes_nothing_needs_no_support():
    nothing: dict[str, Any] = {"frequency_penalty": 0.0, "repetition_penalty": 1.0, "top_n_tokens": 0}
    check_supported(GenerateParameters(**nothing), frozenset())


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
