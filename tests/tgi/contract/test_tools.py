"""Tools in chat: which is called, with what, whole and in chunks."""

import json
from typing import Any

import aiohttp
import pytest

from tests.tgi.contract.asking import CHAT, chat, say, say_stream
from tests.tgi.wire import answer, refusal

# Values from lists, so that a small model is soon done.
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city now",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "enum": ["Paris", "Oslo"]},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "unit"],
        },
    },
}
TIME: Any = {
    "type": "function",
    "function": {
        "name": "get_time",
        "parameters": {
            "type": "object",
            "properties": {"zone": {"type": "string", "enum": ["UTC", "CET"]}},
            "required": ["zone"],
        },
    },
}
ASKED = (("user", "What is the weather in Paris, in celsius?"),)
NAMED: Any = {"type": "function", "function": {"name": "get_weather"}}


def the_call(choice: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Name and arguments of the one call of a whole answer."""
    message = choice["message"]
    assert message["role"] == "assistant"
    assert message.get("content") is None
    (call,) = message["tool_calls"]
    assert call["type"] == "function"
    assert isinstance(call["id"], str)
    # Text, as everywhere else in the world: clients parse it.
    assert isinstance(call["function"]["arguments"], str)
    return call["function"]["name"], json.loads(call["function"]["arguments"])


async def test_the_named_tool_is_called(http: aiohttp.ClientSession):
    choice = await say(http, *ASKED, tools=[TIME, WEATHER], tool_choice=NAMED, max_tokens=100)
    name, arguments = the_call(choice)
    assert name == "get_weather"
    assert arguments.keys() == {"city", "unit"}
    assert arguments["city"] in ("Paris", "Oslo")
    assert arguments["unit"] in ("celsius", "fahrenheit")
    assert choice["finish_reason"] in ("stop", "tool_calls")


async def test_required_calls_one_of_them(http: aiohttp.ClientSession):
    choice = await say(http, *ASKED, tools=[TIME, WEATHER], tool_choice="required", max_tokens=100)
    name, arguments = the_call(choice)
    expected = {"get_weather": {"city", "unit"}, "get_time": {"zone"}}
    assert arguments.keys() == expected[name]


@pytest.mark.parametrize("tool_choice", ["auto", None])
async def test_auto_calls_a_tool_or_says_something(http: aiohttp.ClientSession, tool_choice: str | None):
    more = {"tool_choice": tool_choice} if tool_choice else {}
    choice = await say(http, *ASKED, tools=[WEATHER], max_tokens=100, **more)
    if choice["message"].get("tool_calls"):
        assert the_call(choice)[0] == "get_weather"
    else:
        assert choice["message"]["content"]


async def test_none_calls_nothing(http: aiohttp.ClientSession):
    choice = await say(http, *ASKED, tools=[WEATHER], tool_choice="none")
    assert choice["message"]["content"]
    assert not choice["message"].get("tool_calls")


async def test_a_call_in_chunks(http: aiohttp.ClientSession):
    wish = {"tools": [WEATHER], "tool_choice": "required", "max_tokens": 100}
    chunks = await say_stream(http, *ASKED, **wish, stream_options={"include_usage": True})
    usage = chunks.pop()
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] > 0
    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls") or []]
    assert {call["index"] for call in calls} == {0}
    assert calls[0]["function"]["name"] == "get_weather"
    assert len({call["id"] for call in calls if call.get("id")}) == 1
    arguments = json.loads("".join(call["function"]["arguments"] for call in calls))
    # The same call as in one piece.
    assert arguments == the_call(await say(http, *ASKED, **wish))[1]
    assert all(chunk["choices"][0]["delta"]["role"] == "assistant" for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] in ("stop", "tool_calls")
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks[:-1])


async def test_the_tools_are_in_the_prompt(http: aiohttp.ClientSession):
    body = chat(*ASKED, tools=[WEATHER], tool_choice="auto")
    templated = (await answer(http, "/chat_tokenize", body))["templated_text"]
    assert "get_weather" in templated
    assert "The weather in a city now" in templated
    without = (await answer(http, "/chat_tokenize", chat(*ASKED)))["templated_text"]
    assert "get_weather" not in without


async def test_the_result_of_a_call_goes_back_in(http: aiohttp.ClientSession):
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Paris", "unit": "celsius"}'},
    }
    turns = [
        {"role": "user", "content": ASKED[0][1]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"},
    ]
    completion = await answer(http, CHAT, {**chat(tools=[WEATHER], tool_choice="none"), "messages": turns})
    assert completion["choices"][0]["message"]["content"]
    templated = (await answer(http, "/chat_tokenize", {"messages": turns}))["templated_text"]
    assert "21 degrees" in templated


@pytest.mark.parametrize("stream", [False, True])
async def test_an_unknown_tool_is_a_tool_error_before_the_stream(http: aiohttp.ClientSession, stream: bool):
    wish = {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "get_tides"}}}
    status, error = await refusal(http, CHAT, chat(**wish, stream=stream))
    assert (status, error["error_type"]) == (422, "tool_error")
    assert error["error"] == "Tool error: Tool with name get_tides not found"


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_and_a_format_exclude_each_other(http: aiohttp.ClientSession, stream: bool):
    grammar = {"type": "regex", "value": "a"}
    status, error = await refusal(http, CHAT, chat(tools=[WEATHER], response_format=grammar, stream=stream))
    assert (status, error["error_type"]) == (422, "tool_error")
    assert error["error"] == "Tool error: Grammar and tools are mutually exclusive"
