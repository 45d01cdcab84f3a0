"""Chat with ``response_format`` and ``logprobs``."""

from typing import Any

import aiohttp
import pytest

from tests.tgi.contract.asking import CHAT, assert_refused, chat, say, say_stream
from tests.tgi.contract.test_grammar import KINDS, SCHEMA, assert_matches


@pytest.mark.parametrize("kind", KINDS)
async def test_the_answer_has_the_format(http: aiohttp.ClientSession, kind: dict[str, Any]):
    choice = await say(http, max_tokens=60, response_format=kind)
    assert_matches(choice["message"]["content"])
    assert choice["finish_reason"] == "stop"


async def test_a_schema_in_value_itself(http: aiohttp.ClientSession):
    choice = await say(http, max_tokens=60, response_format={"type": "json_schema", "value": {"schema": SCHEMA}})
    assert_matches(choice["message"]["content"])


async def test_a_regular_expression(http: aiohttp.ClientSession):
    choice = await say(http, max_tokens=20, response_format={"type": "regex", "value": "(red|green|blue)"})
    assert choice["message"]["content"] in ("red", "green", "blue")


async def test_a_stream_has_the_format_too(http: aiohttp.ClientSession):
    chunks = await say_stream(http, max_tokens=60, response_format=KINDS[0])
    assert_matches("".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks))


@pytest.mark.parametrize("value", ["{not json", {"type": "object", "properties": {"a": {"type": 5}}}])
async def test_a_wrong_format_is_refused(http: aiohttp.ClientSession, value: object):
    body = chat(response_format={"type": "json", "value": value})
    await assert_refused(http, CHAT, body, "grammar is not valid: ")


async def test_the_probabilities_of_every_token(http: aiohttp.ClientSession):
    choice = await say(http, logprobs=True)
    content = choice["logprobs"]["content"]
    assert len(content) == 8
    assert all(token.keys() == {"token", "logprob", "top_logprobs"} for token in content)
    assert "".join(token["token"] for token in content) == choice["message"]["content"]
    assert all(token["logprob"] <= 0 for token in content)
    assert all(token["top_logprobs"] == [] for token in content)


async def test_the_most_likely_tokens_beside_them(http: aiohttp.ClientSession):
    choice = await say(http, logprobs=True, top_logprobs=3)
    for token in choice["logprobs"]["content"]:
        top = token["top_logprobs"]
        assert len(top) >= 3
        assert all(one.keys() == {"token", "logprob"} for one in top)
        assert top[0]["token"].strip() == token["token"].strip()
        assert top[0]["logprob"] == pytest.approx(token["logprob"], abs=1e-3)


async def test_the_probabilities_of_a_stream(http: aiohttp.ClientSession):
    chunks = await say_stream(http, logprobs=True, top_logprobs=2)
    whole = (await say(http, logprobs=True, top_logprobs=2))["logprobs"]["content"]
    for chunk, expected in zip(chunks, whole, strict=True):
        (choice,) = chunk["choices"]
        (token,) = choice["logprobs"]["content"]
        assert token["token"] == choice["delta"]["content"] == expected["token"]
        assert [one["token"] for one in token["top_logprobs"]] == [one["token"] for one in expected["top_logprobs"]]


async def test_more_than_five_are_refused(http: aiohttp.ClientSession):
    await assert_refused(
        http, CHAT, chat(logprobs=True, top_logprobs=6), "`top_n_tokens` must be >= 0 and <= 5. Given: 6"
    )


async def test_logprobs_false_is_none(http: aiohttp.ClientSession):
    assert (await say(http, logprobs=False))["logprobs"] is None
