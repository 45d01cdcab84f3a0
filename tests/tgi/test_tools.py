"""Tools: which are offered, the grammar of a call, and reading one, whole and while it is written."""

import json
from typing import Any

import pytest

from tgi.errors import ToolError
from tgi.protocol.chat import ChatRequest, Message
from tgi.protocol.requests import decode
from tgi.tools import CallReader, grammar, listing, next_call_id, offered, read_call

LOOK: dict[str, Any] = {
    "name": "look",
    "description": "Look at something",
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
}
WAIT: dict[str, Any] = {"name": "wait"}


def request(*functions: dict[str, Any], **more: Any) -> ChatRequest:
    tools = [{"type": "function", "function": function} for function in functions]
    body = {"messages": [{"role": "user", "content": "x"}], "tools": tools, **more}
    return decode(json.dumps(body).encode(), "application/json", ChatRequest)


def names(*functions: dict[str, Any], **more: Any) -> list[str]:
    return [function.name for function in offered(request(*functions, **more))]


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def test_the_choice_says_what_is_offered():
    assert names(LOOK, WAIT) == ["look", "wait", "no_tool"]
    assert names(LOOK, WAIT, tool_choice="auto") == ["look", "wait", "no_tool"]
    assert names(LOOK, WAIT, tool_choice="required") == ["look", "wait"]
    assert names(LOOK, WAIT, tool_choice="none") == []
    assert names(LOOK, WAIT, tool_choice=named("wait")) == ["wait"]
    # TGI's short form.
    assert names(LOOK, WAIT, tool_choice="wait") == ["wait"]


def test_without_tools_nothing_is_offered_and_none_can_be_asked_for():
    assert names() == names(tool_choice="auto") == names(tool_choice="none") == []
    with pytest.raises(ToolError, match="no `tools`"):
        names(tool_choice="required")
    with pytest.raises(ToolError, match="Tool with name look not found"):
        names(tool_choice=named("look"))


def test_names_with_a_meaning_of_their_own_are_refused():
    with pytest.raises(ToolError, match="no_tool"):
        names({"name": "no_tool"})
    with pytest.raises(ToolError, match="_name"):
        names({"name": "f", "parameters": {"properties": {"_name": {}}}})


def test_tools_and_a_format_exclude_each_other():
    with pytest.raises(ToolError, match="mutually exclusive"):
        names(LOOK, response_format={"type": "regex", "value": "a"})


def test_a_template_gets_them_in_openais_form():
    look, no_tool = listing(offered(request(LOOK)))
    assert look == {"type": "function", "function": LOOK}
    assert no_tool["function"]["name"] == "no_tool"


def test_tgis_name_of_the_schema_is_taken_too():
    function = {"name": "look", "arguments": LOOK["parameters"]}
    assert listing(offered(request(function)))[0]["function"]["parameters"] == LOOK["parameters"]


def test_the_grammar_is_the_name_and_then_the_arguments():
    schema = grammar(offered(request(LOOK, tool_choice="required")))["value"]
    (reference,) = schema["properties"]["function"]["anyOf"]
    *_, root = reference["$ref"].split("/")
    function = schema["$functions"][root]
    assert list(function["properties"]) == ["_name", "at"]
    assert function["properties"]["_name"] == {"type": "string", "const": "look"}
    assert function["required"] == ["_name", "at"]
    assert function["additionalProperties"] is False
    assert schema["required"] == ["function"]


def test_references_of_a_schema_point_to_where_it_now_stands():
    parameters = {"properties": {"who": {"$ref": "#/$defs/Person"}}, "$defs": {"Person": {"type": "string"}}}
    schema = grammar(offered(request({"name": "greet", "parameters": parameters}, tool_choice="required")))["value"]
    target: Any = schema
    for step in schema["$functions"]["function0"]["properties"]["who"]["$ref"].split("/")[1:]:
        target = target[step]
    assert target == {"type": "string"}


def test_a_schema_without_end_is_refused():
    parameters: dict[str, Any] = {}
    for _ in range(2000):
        parameters = {"properties": {"deeper": parameters}}
    function = offered(request(LOOK))[0]
    deep = type(function)("deep", parameters=parameters)
    with pytest.raises(ToolError, match="nested too deeply"):
        grammar([deep])


def test_a_whole_call():
    call = read_call('{ "function": {"_name": "look", "at": "é", "n": [1, {"a": 2}]} }', "3")
    assert call is not None
    assert (call.id, call.function.name) == ("3", "look")
    assert call.function.arguments == '{"at":"é","n":[1,{"a":2}]}'


def test_no_tool_is_no_call():
    assert read_call('{"function": {"_name": "no_tool"}}', "0") is None


@pytest.mark.parametrize("text", ["", '{"function": {"_name": "look", "at": "th', "{}", "[1]", '{"function": 1}'])
def test_a_text_that_broke_off_is_a_tool_error(text: str):
    with pytest.raises(ToolError, match="Failed to parse generated text: "):
        read_call(text, "0")


CALLS = [
    ('{"function":{"_name":"look","at":"it"}}', "look", '{"at":"it"}'),
    (
        '{ "function": { "_name": "look", "at": "it", "n": {"a": [1, {}]} } }\n',
        "look",
        '{"at": "it", "n": {"a": [1, {}]} }',
    ),
    ('{"function": {"_name": "look", "at": "a \\"}\\" and a \\\\"}}', "look", '{"at": "a \\"}\\" and a \\\\"}'),
    ('{"function": {"_name": "wait"}}', "wait", "{}"),
    ('{"function": {"_name": "wait" } }', "wait", "{}"),
]


@pytest.mark.parametrize(("text", "name", "arguments"), CALLS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_call_while_it_is_written(text: str, name: str, arguments: str, size: int):
    reader = CallReader()
    pieces = [reader.push(text[start : start + size]) for start in range(0, len(text), size)]
    assert reader.name == name
    assert json.loads("".join(pieces)) == json.loads(arguments)
    # Nothing before the name, and the arguments' first piece opens them.
    assert next(piece for piece in pieces if piece).startswith("{")


def test_no_tool_is_known_as_soon_as_it_is_named():
    reader = CallReader()
    assert reader.push('{"function": {"_name": "no_tool"') == ""
    assert not reader.is_no_tool
    reader.push("}")
    assert reader.is_no_tool


def test_calls_are_counted_over_the_conversation():
    def messages(*ids: str) -> tuple[Message, ...]:
        calls = [{"id": one, "function": {"name": "f", "arguments": "{}"}} for one in ids]
        return request(messages=[{"role": "assistant", "tool_calls": calls}]).messages

    assert next_call_id(request().messages) == "0"
    assert next_call_id(messages("0", "4")) == "5"
    random = next_call_id(messages("call_abc"))
    assert random != next_call_id(messages("call_abc"))
