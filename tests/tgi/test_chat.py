"""A chat request: what its shapes take, what is refused, and the generation it becomes."""

import json
from typing import Any

import pytest

from tgi.errors import RequestRejectedError, ValidationError
from tgi.protocol.chat import ANY_OBJECT, ChatRequest, ImagePart, Message, TextPart
from tgi.protocol.requests import decode

HELLO = (Message("user", "x"),)
CALL = {"id": "7", "type": "function", "function": {"name": "look", "arguments": '{"at": "it"}'}}


def decoded(**fields: Any) -> ChatRequest:
    """The request of a JSON body."""
    body = {"messages": [{"role": "user", "content": "x"}], **fields}
    return decode(json.dumps(body).encode(), "application/json", ChatRequest)


@pytest.mark.parametrize("wish", [{"logit_bias": {"1": 2}}, {"n": 2}, {"n": 0}])
def test_a_chat_refuses_what_it_would_have_to_ignore(wish: dict[str, Any]):
    with pytest.raises(ValidationError, match=f"`{next(iter(wish))}`"):
        decoded(**wish).check()


def test_a_chat_needs_messages_and_may_say_that_it_wants_one_answer():
    decoded(n=1, logprobs=False, tools=[], logit_bias={}).check()
    with pytest.raises(ValidationError, match="`messages` cannot be empty"):
        ChatRequest(()).check()


def test_messages_are_flattened():
    parts = (TextPart("a"), TextPart("b"))
    assert Message("user", parts, name="n").flatten() == {"role": "user", "content": "ab", "name": "n"}
    with pytest.raises(ValidationError, match="images are not supported"):
        Message("user", (ImagePart({"url": "http://x"}),)).flatten()
    with pytest.raises(RequestRejectedError, match="a message needs `content` or `tool_calls`"):
        decoded(messages=[{"role": "user"}])


def test_calls_and_their_results_are_texts():
    called, result = decoded(
        messages=[
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "7", "content": "blue"},
        ]
    ).messages
    flat = called.flatten()
    assert json.loads(flat["content"]) == [CALL]
    assert result.flatten() == {"role": "tool", "content": "blue", "tool_call_id": "7"}


def test_a_content_goes_before_calls():
    (message,) = decoded(messages=[{"role": "assistant", "content": "Let me see.", "tool_calls": [CALL]}]).messages
    assert message.flatten()["content"] == "Let me see."


def test_chat_wishes_become_parameters():
    assert not ChatRequest(HELLO, temperature=0).to_parameters().do_sample
    assert ChatRequest(HELLO).to_parameters().do_sample
    assert ChatRequest(HELLO, max_tokens=4).to_parameters().max_new_tokens == 4
    assert ChatRequest(HELLO, max_completion_tokens=5).to_parameters().max_new_tokens == 5
    assert ChatRequest(HELLO, presence_penalty=-1.0).to_parameters().repetition_penalty == 1.0
    assert ChatRequest(HELLO, top_logprobs=3).to_parameters().top_n_tokens == 3


@pytest.mark.parametrize(
    ("given", "grammar"),
    [
        ({"type": "text"}, None),
        ({"type": "json", "value": {"a": 1}}, {"type": "json", "value": {"a": 1}}),
        ({"type": "json_object", "value": {"a": 1}}, {"type": "json_object", "value": {"a": 1}}),
        ({"type": "json_object"}, {"type": "json", "value": ANY_OBJECT}),
        ({"type": "regex", "value": "a+"}, {"type": "regex", "value": "a+"}),
        ({"type": "json_schema", "value": {"schema": {}}}, {"type": "json_schema", "value": {"schema": {}}}),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
            {"type": "json_schema", "value": {"name": "n", "schema": {}}},
        ),
    ],
)
def test_a_format_is_a_grammar_in_tgis_form_or_openais(given: dict[str, Any], grammar: dict[str, Any] | None):
    response_format = decoded(response_format=given).response_format
    assert response_format is not None
    assert response_format.grammar() == grammar


@pytest.mark.parametrize(
    "wrong",
    [
        {"response_format": {"type": "yaml", "value": "x"}},
        {"response_format": {"type": "json"}},
        {"response_format": {"type": "regex"}},
        {"response_format": {"type": "regex", "value": 5}},
        {"response_format": {"type": "json_schema"}},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": []}}}]},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"required": "a"}}}]},
        {"tool_choice": {"type": "function"}},
        {"messages": [{"role": "user", "content": [{"type": "sound"}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}]},
        {"stop": "x"},
        {"seed": 2**64},
    ],
)
def test_a_wrong_shape_is_refused(wrong: dict[str, Any]):
    with pytest.raises(RequestRejectedError) as refusal:
        decoded(**wrong)
    assert refusal.value.status == 422
