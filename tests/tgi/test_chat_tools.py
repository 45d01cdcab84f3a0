"""Tools through the server: a model that declines them, calls that break off, and OpenAI's own helpers."""

import json
from typing import Any, Literal

import aiohttp
import openai
import pytest
from pydantic import BaseModel

from tests.tgi.wire import DONE, answer, events, refusal

PATH = "/v1/chat/completions"
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city now",
        "parameters": {
            "type": "object",
            "properties": {"city": {"$ref": "#/$defs/City"}},
            "required": ["city"],
            "$defs": {"City": {"type": "string", "enum": ["Paris", "Oslo"]}},
        },
    },
}
QUESTION: list[Any] = [{"role": "user", "content": "Say hello."}]
# A small model copies what it just read.
DECLINE = 'Write {"function": {"_name": "no_tool"}}'


class Bird(BaseModel):
    """What an answer is asked to be."""

    kind: Literal["crow", "finch"]
    can_fly: bool


def body(**more: Any) -> dict[str, Any]:
    return {"messages": QUESTION, "max_tokens": 60, "temperature": 0, "tools": [WEATHER], **more}


@pytest.fixture
def client(base_url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{base_url}/v1", api_key="none", max_retries=0)


async def test_a_model_that_declines_answers_as_without_tools(http: aiohttp.ClientSession):
    plain = await answer(http, PATH, body(tools=None, max_tokens=40))
    declined = await answer(http, PATH, body(max_tokens=40, tool_prompt=DECLINE))
    assert declined["choices"] == plain["choices"]
    # The counts are of the answer, not of the choice that came before it.
    assert declined["usage"] == plain["usage"]


async def test_a_model_that_declines_streams_as_without_tools(http: aiohttp.ClientSession):
    more = {"max_tokens": 40, "stream": True, "stream_options": {"include_usage": True}, "logprobs": True}
    plain = await events(http, PATH, body(tools=None, **more))
    declined = await events(http, PATH, body(tool_prompt=DECLINE, **more))
    assert [without_time(event) for event in declined] == [without_time(event) for event in plain]


def without_time(event: Any) -> Any:
    return event if event == DONE else {**event, "created": 0, "choices": [rounded(one) for one in event["choices"]]}


def rounded(choice: Any) -> Any:
    """Probabilities differ in the last bits between a prompt that was read and one that was cached."""
    (token,) = choice["logprobs"]["content"]
    return {**choice, "logprobs": [token["token"], round(token["logprob"], 1)]}


async def test_a_call_follows_references_in_its_schema(http: aiohttp.ClientSession):
    completion = await answer(http, PATH, body(tool_choice="required"))
    (call,) = completion["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) in ({"city": "Paris"}, {"city": "Oslo"})


async def test_a_call_that_breaks_off_is_a_tool_error(http: aiohttp.ClientSession):
    status, error = await refusal(http, PATH, body(tool_choice="required", max_tokens=5))
    assert (status, error["error_type"]) == (422, "tool_error")
    assert error["error"].startswith("Tool error: Failed to parse generated text: ")


async def test_a_streamed_call_that_breaks_off_ends_with_its_reason(http: aiohttp.ClientSession):
    for length in (5, 16):
        *chunks, done = await events(http, PATH, body(tool_choice="required", max_tokens=length, stream=True))
        assert done == DONE
        assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
        assert chunks[-1]["choices"][0]["finish_reason"] == "length"


async def test_an_id_is_the_next_of_the_conversation(http: aiohttp.ClientSession):
    call = {"id": "0", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    turns = [
        {"role": "user", "content": "Weather in Oslo, then in Paris?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "0", "content": "cold"},
    ]
    completion = await answer(http, PATH, body(messages=turns, tool_choice="get_weather"))
    (call,) = completion["choices"][0]["message"]["tool_calls"]
    assert call["id"] == "1"
    *chunks, _ = await events(http, PATH, body(messages=turns, tool_choice="get_weather", stream=True))
    calls = [one for chunk in chunks for one in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert {one["id"] for one in calls} == {"1"}
    assert [one["function"]["name"] for one in calls] == ["get_weather"] + [None] * (len(calls) - 1)


def test_openais_json_mode(client: openai.OpenAI):
    completion = client.chat.completions.create(
        model="tgi",
        messages=QUESTION,
        temperature=0,
        max_tokens=200,
        stop=["}"],
        response_format={"type": "json_object"},
    )
    assert (completion.choices[0].message.content or "").lstrip().startswith("{")


def test_openais_structured_outputs(client: openai.OpenAI):
    completion = client.chat.completions.parse(
        model="tgi", messages=QUESTION, temperature=0, max_tokens=100, response_format=Bird
    )
    assert isinstance(completion.choices[0].message.parsed, Bird)


def test_openais_plain_text_format(client: openai.OpenAI):
    completion = client.chat.completions.create(
        model="tgi", messages=QUESTION, temperature=0, max_tokens=4, response_format={"type": "text"}
    )
    assert completion.choices[0].message.content
