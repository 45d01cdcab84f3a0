"""Grammars: TGI's shapes and words, and what llguidance makes of them."""

import json
from typing import Any

import msgspec
import pytest

from tgi.engines import llamacpp_grammar
from tgi.engines.base import Grammar, Token
from tgi.errors import RequestRejectedError, ValidationError
from tgi.protocol.grammar import read_grammar
from tgi.protocol.requests import CompatGenerateRequest, GenerateRequest, decode

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "additionalProperties": False,
}


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "grammar",
    [
        {"type": "json", "value": SCHEMA},
        {"type": "json", "value": json.dumps(SCHEMA)},
        {"type": "json_object", "value": SCHEMA},
        {"type": "json_schema", "value": {"schema": SCHEMA}},
        {"type": "json_schema", "value": {"name": "x", "schema": json.dumps(SCHEMA), "strict": True}},
    ],
)
def test_a_schema_has_several_envelopes(grammar: dict[str, Any]):
    read = read_grammar(grammar)
    assert (read.kind, json.loads(read.value)) == ("json_schema", SCHEMA)


def test_objects_have_the_properties_they_name_and_no_others_unless_they_say_so():
    inner = {"properties": {"properties": {"type": "string"}}}
    schema: dict[str, Any] = {
        "properties": {
            "list": {"items": inner},
            "open": {"properties": {"x": {}}, "additionalProperties": True},
            "any": {"type": "object", "properties": {}},
            "parts": {"allOf": [inner, {"properties": {"y": {}}}]},
            "mixed": {"properties": {"x": {}}, "anyOf": [inner, {"properties": {"y": {}}}]},
            "one": {"anyOf": [inner, {"const": inner}]},
        },
        "$defs": {"d": inner},
    }
    shut = {**inner, "type": "object", "additionalProperties": False}
    read = json.loads(read_grammar({"type": "json", "value": schema}).value)
    assert read == {
        "properties": {
            **schema["properties"],
            "list": {"items": shut},
            "open": {"properties": {"x": {}}, "type": "object", "additionalProperties": True},
            "one": {"anyOf": [shut, {"const": inner}]},
        },
        "$defs": {"d": shut},
        "type": "object",
        "additionalProperties": False,
    }


def test_an_expression_is_taken_as_it_is():
    assert read_grammar({"type": "regex", "value": "a|b"}) == Grammar("regex", "a|b")


@pytest.mark.parametrize(
    ("grammar", "refusal"),
    [
        ({"type": "json", "value": "{"}, "grammar is not valid: "),
        ({"type": "json", "value": "[1]"}, "grammar is not valid: Grammar must have a 'properties' field"),
        ({"type": "json", "value": {}}, "grammar is not valid: Grammar must have a 'properties' field"),
        ({"type": "json_object", "value": [1]}, "grammar is not supported"),
        ({"type": "json_schema", "value": {"schema": None}}, "grammar is not supported"),
        ({"type": "json_schema", "value": {}}, "grammar is not valid: Object missing required field `schema`"),
        ({"type": "json", "value": deep(900)}, "grammar is not valid: it is nested too deeply"),
        ({"type": "xml", "value": ""}, "grammar is not valid: Invalid value 'xml'"),
    ],
)
def test_what_is_no_grammar_is_refused_in_tgis_words(grammar: dict[str, Any], refusal: str):
    with pytest.raises(ValidationError) as error:
        read_grammar(grammar)
    assert str(error.value).startswith(f"Input validation error: {refusal}")


@pytest.mark.parametrize("shape", [GenerateRequest, CompatGenerateRequest])
@pytest.mark.parametrize(
    "grammar", [{"type": "xml", "value": "x"}, {"type": "regex"}, {"type": "regex", "value": {}}, {"value": "x"}]
)
def test_a_grammar_of_no_known_shape_makes_a_body_unreadable(shape: Any, grammar: dict[str, Any]):
    body = msgspec.json.encode({"inputs": "x", "parameters": {"grammar": grammar}})
    with pytest.raises(RequestRejectedError) as error:
        decode(body, "application/json", shape)
    assert error.value.status == 422


@pytest.mark.parametrize("expression", ["a/b", r"a\/b", "a\nb", "日本?", '"', "[/]", "", r"\d{4}"])
async def test_any_expression_can_be_written_in_the_engines_language(expression: str):
    await llamacpp_grammar.check(Grammar("regex", expression))


def test_a_client_may_choose_the_spaces_itself():
    own = {**SCHEMA, "x-guidance": {"whitespace_flexible": False}}
    schema = llamacpp_grammar.compiled(Grammar("json_schema", json.dumps(own))).partition("%json ")[2]
    assert json.loads(schema) == own


@pytest.mark.parametrize(
    ("grammar", "reason"),
    [
        (Grammar("regex", "(a"), 'invalid regex "(a" (in regex): regex parse error: (a ^ error: unclosed group'),
        (Grammar("regex", "(?=a)b"), "look-around, including look-ahead and look-behind, is not supported"),
        (Grammar("json_schema", '{"type": "none", "properties": {}}'), "failed to compile JSON schema: Invalid type"),
        (Grammar("json_schema", '{"properties": {"a": {"$ref": "http://x/"}}}'), "failed to compile JSON schema: "),
    ],
)
async def test_what_cannot_be_compiled_is_refused_with_the_reason_on_one_line(grammar: Grammar, reason: str):
    with pytest.raises(ValidationError) as error:
        await llamacpp_grammar.check(grammar)
    message = str(error.value)
    assert message.startswith("Input validation error: grammar is not valid: ")
    assert reason in message
    assert "\n" not in message
    assert "%llguidance" not in message


def follow(grammar: Grammar, *tokens: Token) -> None:
    watch = llamacpp_grammar.Watch(grammar)
    for token in tokens:
        watch.accept(token)


END = Token(0, "<end>", special=True, eos=True)


def test_a_text_is_followed_through_its_grammar():
    expression = Grammar("regex", "日本(語|人)")
    follow(expression, Token(1, ""), Token(2, "日"), Token(3, "<x>", special=True), Token(4, "本語"), END)
    follow(expression, Token(2, "日"))
    for tokens in ((Token(1, "中"),), (Token(1, "日本x"),), (Token(1, "日本"), END)):
        with pytest.raises(ValidationError, match="grammar is not valid: the engine cannot follow it"):
            follow(expression, *tokens)
