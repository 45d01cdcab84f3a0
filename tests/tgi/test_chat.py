"""Chat: what of a request is taken and what is refused."""

from typing import Any

import pytest

from tgi.errors import ValidationError
from tgi.protocol.chat import ChatRequest, ImagePart, Message, TextPart, check_chat, flatten_message


@pytest.mark.parametrize(
    "wish",
    [
        {"tools": ({},)},
        {"response_format": {"type": "json", "value": {}}},
        {"logprobs": True},
        {"top_logprobs": 2},
        {"logit_bias": {"1": 2}},
        {"n": 2},
    ],
)
def test_a_chat_refuses_what_it_would_have_to_ignore(wish: dict[str, Any]):
    messages = (Message("user", "x"),)
    with pytest.raises(ValidationError, match=f"`{next(iter(wish))}` is not supported"):
        check_chat(ChatRequest(messages, **wish))


def test_a_chat_needs_messages_and_may_say_that_it_wants_one_answer():
    check_chat(ChatRequest((Message("user", "x"),), n=1, logprobs=False, tools=()))
    with pytest.raises(ValidationError, match="`messages` cannot be empty"):
        check_chat(ChatRequest(()))


def test_messages_are_flattened():
    parts = (TextPart("a"), TextPart("b"))
    assert flatten_message(Message("user", parts, name="n")) == {"role": "user", "content": "ab", "name": "n"}
    with pytest.raises(ValidationError, match="images are not supported"):
        flatten_message(Message("user", (ImagePart({"url": "http://x"}),)))
    with pytest.raises(ValidationError, match="`tool_calls` is not supported"):
        flatten_message(Message("assistant", None, tool_calls=({},)))
    with pytest.raises(ValidationError, match="`content` of a message cannot be empty"):
        flatten_message(Message("user"))


def test_chat_wishes_become_parameters():
    messages = (Message("user", "x"),)
    assert not ChatRequest(messages, temperature=0).to_parameters().do_sample
    assert ChatRequest(messages).to_parameters().do_sample
    assert ChatRequest(messages, max_tokens=4).to_parameters().max_new_tokens == 4
    assert ChatRequest(messages, max_completion_tokens=5).to_parameters().max_new_tokens == 5
    assert ChatRequest(messages, presence_penalty=-1.0).to_parameters().repetition_penalty == 1.0
