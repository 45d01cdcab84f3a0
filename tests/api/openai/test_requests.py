"""What `/v1` takes of OpenAI's requests, and what it sends to TGI of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework.exceptions import ParseError

from api.openai.errors import Refused
from api.openai.requests import ChatCompletionInput, CompletionInput, read

ASKED = [{"role": "user", "content": "Hi"}]
IMAGE = {"type": "image_url", "image_url": {"url": "http://127.0.0.1/"}}


def request_of(body: Any) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body)
    return RequestFactory().post("/v1/chat/completions", raw, content_type="application/json")


def chat(**wish: Any) -> dict[str, Any]:
    """What TGI gets."""
    found: dict[str, Any] = json.loads(read(request_of({"messages": ASKED, **wish}), ChatCompletionInput).to_tgi())
    return found


def completion(**wish: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read(request_of({"prompt": "Hi", **wish}), CompletionInput).to_tgi())
    return found


def function(**more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "now", **more}}


# What is sent → what TGI gets.
TRANSLATED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"model": "anything"}, {"model": "tgi"}),
    ({"max_completion_tokens": 5}, {"max_tokens": 5}),
    ({"max_completion_tokens": 5, "max_tokens": 9}, {"max_tokens": 5}),
    ({"stop": "END"}, {"stop": ["END"]}),
    ({"seed": -1}, {"seed": 2**64 - 1}),
    ({"temperature": 0, "top_p": 0.5, "frequency_penalty": -2}, {"temperature": 0.0, "top_p": 0.5}),
    ({"tools": [function()]}, {"tools": [function(parameters={"type": "object", "properties": {}})]}),
    ({"tools": [function()], "tool_choice": function()}, {"tool_choice": function()}),
    ({"response_format": {"type": "json_object"}}, {"response_format": {"type": "json", "value": {
        "type": "object", "properties": {}, "additionalProperties": True}}}),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"a": 1}, "strict": True}}},
     {"response_format": {"type": "json", "value": {"a": 1}}}),
    ({"response_format": {"type": "regex", "value": "a+"}}, {"response_format": {"type": "regex", "value": "a+"}}),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "sent"), TRANSLATED)
def test_what_tgi_names_otherwise_is_translated(wish: dict[str, Any], sent: dict[str, Any]):
    assert chat(**wish).items() >= sent.items()


WITHOUT_EFFECT: list[dict[str, Any]] = [
    {"top_p": 1},
    {"presence_penalty": 0},
    {"n": 1},
    {"logit_bias": {}},
    {"response_format": {"type": "text"}},
    {"tools": [], "tool_choice": "auto"},
    {"parallel_tool_calls": False},
    {"modalities": ["text"]},
    {"user": "me", "store": False, "service_tier": "auto", "metadata": {"a": "b"}, "safety_identifier": "x"},
    {"temperature": None, "stop": None, "max_tokens": None, "seed": None, "tools": None, "stream_options": None},
]


@pytest.mark.parametrize("wish", WITHOUT_EFFECT)
def test_what_changes_nothing_is_taken_and_not_sent(wish: dict[str, Any]):
    assert chat(**wish) == chat()


def test_messages_go_as_tgi_wants_them():
    calls = [{"id": "1", "type": "function", "function": {"name": "now", "arguments": "{}"}}]
    given = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": "me"},
        {"role": "assistant", "content": None, "tool_calls": calls, "refusal": None, "audio": None},
        {"role": "tool", "tool_call_id": "1", "content": "12"},
        {"role": "assistant", "content": "It is", "annotations": []},
    ]
    assert chat(messages=given)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "name": "me", "content": "ab"},
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "1", "content": "12"},
        {"role": "assistant", "content": "It is"},
    ]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"messages": []}, "messages", "invalid_value"),
    ({"messages": None}, "messages", "invalid_type"),
    ({"messages": ASKED * 2049}, "messages", "invalid_value"),
    ({"tools": [function()] * 129}, "tools", "invalid_value"),
    ({"response_format": {"type": "regex", "value": 1}}, "response_format.value", "invalid_type"),
    ({"messages": "Hi"}, "messages", "invalid_type"),
    ({"messages": ["Hi"]}, "messages[0]", "invalid_type"),
    ({"messages": [{"content": "Hi"}]}, "messages[0].role", "missing_required_parameter"),
    ({"messages": [{"role": "user"}]}, "messages[0]", "invalid_value"),
    ({"messages": [{"role": "robot", "content": "Hi"}]}, "messages[0].role", "invalid_value"),
    ({"messages": [*ASKED, {"role": "user", "content": [IMAGE]}]}, "messages[1].content", "unsupported_parameter"),
    ({"messages": [{"role": "user", "content": [{"type": []}]}]}, "messages[0].content", "unsupported_parameter"),
    ({"messages": [{"role": "user", "content": "a\0b"}]}, "messages[0].content", "invalid_value"),
    ({"model": 1}, "model", "invalid_type"),
    ({"temprature": 1}, "temprature", "unknown_parameter"),
    ({"temperature": 2.1}, "temperature", "invalid_value"),
    ({"temperature": "hot"}, "temperature", "invalid_type"),
    ({"temperature": True}, "temperature", "invalid_type"),
    ({"top_p": 0}, "top_p", "invalid_value"),
    ({"max_tokens": 0}, "max_tokens", "invalid_value"),
    ({"max_completion_tokens": 2**32}, "max_completion_tokens", "invalid_value"),
    ({"max_tokens": 1.5}, "max_tokens", "invalid_type"),
    ({"frequency_penalty": 2.5}, "frequency_penalty", "invalid_value"),
    ({"presence_penalty": 1}, "presence_penalty", "unsupported_parameter"),
    ({"stop": ["a"] * 5}, "stop", "invalid_value"),
    ({"stop": [""]}, "stop[0]", "invalid_value"),
    ({"stop": ["\0"]}, "stop[0]", "invalid_value"),
    ({"seed": 2**64}, "seed", "invalid_value"),
    ({"seed": 10**400}, "seed", "invalid_value"),
    ({"n": 2}, "n", "unsupported_parameter"),
    ({"logit_bias": {"50": 1}}, "logit_bias", "unsupported_parameter"),
    ({"top_logprobs": 1}, "top_logprobs", "invalid_value"),
    ({"logprobs": True, "top_logprobs": 6}, "top_logprobs", "invalid_value"),
    ({"tools": [{"type": "retrieval"}]}, "tools[0].type", "invalid_value"),
    ({"tools": [function(parameters={"properties": 1})]}, "tools[0].function.parameters", "invalid_value"),
    ({"tool_choice": "perhaps"}, "tool_choice", "invalid_value"),
    ({"response_format": {"type": "yaml"}}, "response_format.type", "invalid_value"),
    ({"response_format": {"type": "json_schema"}}, "response_format", "invalid_value"),
    ({"modalities": ["audio"]}, "modalities", "unsupported_parameter"),
    ({"functions": []}, "functions", "unknown_parameter"),
    ({"metadata": {"session_id": 1}}, "metadata.session_id", "invalid_type"),
    ({"stream": "yes"}, "stream", "invalid_type"),
]


@pytest.mark.parametrize(("wish", "param", "code"), REFUSED)
def test_what_cannot_be_used_is_named(wish: dict[str, Any], param: str, code: str):
    with pytest.raises(Refused) as told:
        chat(**wish)
    assert (told.value.param, told.value.get_codes()) == (param, code)
    assert param in str(told.value)


@pytest.mark.parametrize(
    ("wish", "param"),
    [({"best_of": 2}, "best_of"), ({"echo": True}, "echo"), ({"logprobs": 1}, "logprobs"), ({"suffix": "x"}, "suffix")],
)
def test_what_tgi_does_not_do_with_a_prompt_is_refused(wish: dict[str, Any], param: str):
    with pytest.raises(Refused) as told:
        completion(**wish)
    assert (told.value.param, told.value.get_codes()) == (param, "unsupported_parameter")
    assert completion(best_of=1, echo=False, logprobs=None) == completion()


def test_prompts_are_texts():
    assert completion(prompt=["a"])["prompt"] == "a"
    assert completion(prompt=["a", "b"])["prompt"] == ["a", "b"]
    for prompt, param in (([], "prompt"), ([1, 2], "prompt[0]"), (None, "prompt"), ([[1]], "prompt[0]")):
        with pytest.raises(Refused) as told:
            completion(prompt=prompt)
        assert told.value.param == param


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[" * 100_000, b'{"seed": 1' + b"0" * 5000 + b"}", b'{"a": NaN}', b'"\\ud800"']
)
def test_a_body_that_is_no_json_is_a_clear_error(body: bytes):
    with pytest.raises(ParseError):
        read(request_of(body), ChatCompletionInput)


@pytest.mark.parametrize("depth", [99, 250, 900])
def test_what_is_nested_too_deeply_is_refused_before_anything_follows_it(depth: int):
    schema: dict[str, Any] = {"a": "\0"}
    for _ in range(depth):
        schema = {"a": schema}
    body = {"messages": ASKED, "tools": [function(parameters=schema)]}
    with pytest.raises(Refused) as told:
        read(request_of(body), ChatCompletionInput)
    assert "levels" in str(told.value)
    shallow = {"messages": ASKED, "tools": [function(parameters={"a": {"a": {"a": 1}}})]}
    assert read(request_of(shallow), ChatCompletionInput).to_tgi()


def test_a_backslash_before_a_u_is_no_nul():
    assert chat(messages=[{"role": "user", "content": "\\u0000"}])["messages"][0]["content"] == "\\u0000"
