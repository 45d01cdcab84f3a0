"""``grammar``: the text matches, in all four kinds, and a wrong one is refused."""

import json
import re
from typing import Any

import aiohttp
import pytest

from tests.tgi.contract.asking import assert_refused, generate, prompt
from tests.tgi.contract.conftest import Target
from tests.tgi.wire import events

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"animal": {"type": "string", "enum": ["dog", "cat"]}, "count": {"type": "integer"}},
    "required": ["animal", "count"],
    "additionalProperties": False,
}
KINDS: list[Any] = [
    {"type": "json", "value": SCHEMA},
    {"type": "json", "value": json.dumps(SCHEMA)},
    {"type": "json_object", "value": SCHEMA},
    {"type": "json_schema", "value": {"name": "animals", "schema": SCHEMA}},
]
DATE = r"\d{4}-\d{2}-\d{2}"


def assert_matches(text: str) -> None:
    value = json.loads(text)
    assert value.keys() == SCHEMA["properties"].keys()
    assert value["animal"] in ("dog", "cat")
    assert isinstance(value["count"], int)


@pytest.mark.parametrize("grammar", KINDS)
async def test_the_text_is_json_of_the_schema(http: aiohttp.ClientSession, grammar: dict[str, Any]):
    body = await generate(http, max_new_tokens=60, grammar=grammar)
    assert body["details"]["finish_reason"] == "eos_token"
    assert_matches(body["generated_text"])


async def test_the_text_matches_a_regular_expression(http: aiohttp.ClientSession):
    body = await generate(http, max_new_tokens=30, grammar={"type": "regex", "value": DATE})
    assert re.fullmatch(DATE, body["generated_text"])
    assert body["details"]["finish_reason"] == "eos_token"


@pytest.mark.parametrize("expression", ["(red|green|blue)", "[a-f]{3,5}!", "Yes|No", r"\w+@example\.com", "日本?"])
async def test_expressions_of_all_sorts(http: aiohttp.ClientSession, expression: str):
    body = await generate(http, max_new_tokens=40, grammar={"type": "regex", "value": expression}, temperature=0.5)
    if body["details"]["finish_reason"] == "eos_token":
        assert re.fullmatch(expression, body["generated_text"])


async def test_a_stream_keeps_to_it_too(http: aiohttp.ClientSession):
    body = prompt(max_new_tokens=60, grammar=KINDS[0])
    *tokens, last = await events(http, "/generate_stream", body)
    assert_matches(last["generated_text"])
    assert (
        "".join(event["token"]["text"] for event in tokens if not event["token"]["special"]) in last["generated_text"]
    )


async def test_the_length_limit_holds_before_the_grammar(http: aiohttp.ClientSession):
    body = await generate(http, max_new_tokens=3, grammar=KINDS[0])
    assert body["details"]["finish_reason"] == "length"
    assert body["generated_text"].startswith("{")


async def test_a_sampled_text_with_a_seed_matches_and_repeats(http: aiohttp.ClientSession):
    sampled = {"max_new_tokens": 60, "temperature": 1.5, "seed": 3, "grammar": KINDS[0]}
    first, second = [(await generate(http, **sampled))["generated_text"] for _ in range(2)]
    assert first == second
    assert_matches(first)


@pytest.mark.parametrize(
    "value",
    [
        "{not json",
        {"type": "no such type", "properties": {}},
        {"type": "object", "properties": {"a": {"type": 5}}},
        # TGI asks for properties of an object.
        {"type": "object"},
    ],
)
@pytest.mark.parametrize("kind", ["json", "json_object"])
async def test_a_wrong_schema_is_refused(http: aiohttp.ClientSession, kind: str, value: object):
    await assert_refused(http, "/generate", prompt(grammar={"type": kind, "value": value}), "grammar is not valid: ")


@pytest.mark.parametrize("value", [5, [1], None])
async def test_a_schema_that_is_none_is_refused(http: aiohttp.ClientSession, value: object):
    async with http.post("/generate", json=prompt(grammar={"type": "json", "value": value})) as response:
        assert response.status == 422


@pytest.mark.parametrize("expression", ["((", "[z-a]", "*"])
async def test_a_wrong_expression_is_refused(http: aiohttp.ClientSession, target: Target, expression: str):
    body = prompt(grammar={"type": "regex", "value": expression})
    if target.lacks("regex_check"):
        async with http.post("/generate", json=body) as response:
            assert response.status in (422, 424)
        return
    await assert_refused(http, "/generate", body, "grammar is not valid: ")


async def test_a_grammar_does_not_reach_other_requests(http: aiohttp.ClientSession):
    plain = (await generate(http))["generated_text"]
    await generate(http, grammar={"type": "regex", "value": DATE})
    assert (await generate(http))["generated_text"] == plain


async def test_an_object_has_no_other_properties_than_the_schemas(http: aiohttp.ClientSession):
    """As with TGI's compiler, also where the schema leaves it open."""
    inner = {"type": "object", "properties": {"b": {"type": "boolean"}}, "required": ["b"]}
    schema = {"type": "object", "properties": {"a": inner}, "required": ["a"]}
    body = await generate(http, max_new_tokens=40, grammar={"type": "json", "value": schema}, temperature=2.0, seed=1)
    value = json.loads(body["generated_text"])
    assert value.keys() == {"a"}
    assert value["a"].keys() == {"b"}
