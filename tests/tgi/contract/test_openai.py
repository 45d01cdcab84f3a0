"""The ``openai`` package, pointed at ``/v1``."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.tgi.contract.asking import PROMPT, QUESTION
from tests.tgi.contract.conftest import Target
from tests.tgi.contract.test_grammar import KINDS, assert_matches
from tests.tgi.contract.test_tools import ASKED, NAMED, WEATHER

# Not typed: the package asks for a type of its own for every shape.
MESSAGES: Any = [{"role": "user", "content": QUESTION}]
QUESTION_OF_WEATHER: Any = [{"role": "user", "content": ASKED[0][1]}]


@pytest.fixture
def client(target: Target) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{target.url}/v1", api_key=target.key or "none", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture
async def async_client(target: Target) -> AsyncIterator[AsyncOpenAI]:
    key = target.key or "none"
    async with AsyncOpenAI(base_url=f"{target.url}/v1", api_key=key, max_retries=0, timeout=60) as client:
        yield client


def test_the_models(client: OpenAI):
    (model,) = client.models.list()
    assert model.id
    assert model.object == "model"


def test_a_chat_completion(client: OpenAI):
    completion = client.chat.completions.create(
        model="tgi", messages=MESSAGES, max_tokens=6, temperature=0, logprobs=True, top_logprobs=2
    )
    (choice,) = completion.choices
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason == "length"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 6
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert "".join(token.token for token in choice.logprobs.content) == choice.message.content


def test_a_chat_in_a_stream(client: OpenAI):
    wish: dict[str, Any] = {"model": "tgi", "messages": MESSAGES, "max_completion_tokens": 6, "temperature": 0}
    stream = client.chat.completions.create(**wish, stream=True, stream_options={"include_usage": True})
    *chunks, last = list(stream)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 6
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == client.chat.completions.create(**wish).choices[0].message.content


def test_a_tool_is_called(client: OpenAI):
    completion = client.chat.completions.create(
        model="tgi",
        messages=QUESTION_OF_WEATHER,
        tools=[WEATHER],
        tool_choice=NAMED,
        max_tokens=100,
        temperature=0,
    )
    message = completion.choices[0].message
    assert message.tool_calls is not None
    (call,) = message.tool_calls
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments).keys() == {"city", "unit"}
    # The answer goes back in as it came.
    turns: Any = [
        *QUESTION_OF_WEATHER,
        message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"},
    ]
    answer = client.chat.completions.create(model="tgi", messages=turns, max_tokens=4, temperature=0)
    assert answer.choices[0].message.content


def test_a_call_in_a_stream(client: OpenAI):
    stream = client.chat.completions.create(
        model="tgi",
        messages=QUESTION_OF_WEATHER,
        tools=[WEATHER],
        tool_choice="required",
        max_tokens=100,
        temperature=0,
        stream=True,
    )
    calls = [call.function for chunk in stream for call in chunk.choices[0].delta.tool_calls or [] if call.function]
    assert calls[0].name == "get_weather"
    arguments = "".join(call.arguments or "" for call in calls)
    assert json.loads(arguments).keys() == {"city", "unit"}


def test_a_format(client: OpenAI):
    completion = client.chat.completions.create(
        model="tgi", messages=MESSAGES, max_tokens=60, temperature=0, extra_body={"response_format": KINDS[0]}
    )
    assert_matches(completion.choices[0].message.content or "")


def test_completions(client: OpenAI):
    completion = client.completions.create(model="tgi", prompt=[PROMPT, "1, 2, 3,"], max_tokens=4, temperature=0)
    assert [choice.index for choice in sorted(completion.choices, key=lambda choice: choice.index)] == [0, 1]
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 8


def test_completions_in_a_stream(client: OpenAI):
    wish: dict[str, Any] = {"model": "tgi", "prompt": PROMPT, "max_tokens": 4, "temperature": 0}
    text = "".join(chunk.choices[0].text for chunk in client.completions.create(**wish, stream=True))
    assert text == client.completions.create(**wish).choices[0].text


def test_errors_are_its_own_types(client: OpenAI, target: Target):
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        client.chat.completions.create(model="tgi", messages=MESSAGES, top_p=1.0)
    assert caught.value.response.json()["error"].startswith("Input validation error: `top_p`")
    with pytest.raises(openai.APIError, match="top_p"):
        list(client.chat.completions.create(model="tgi", messages=MESSAGES, top_p=1.0, stream=True))
    if target.key:
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="wrong").chat.completions.create(model="tgi", messages=MESSAGES)


async def test_the_asynchronous_client(async_client: AsyncOpenAI):
    wish: dict[str, Any] = {"model": "tgi", "messages": MESSAGES, "max_tokens": 6, "temperature": 0}
    whole = await async_client.chat.completions.create(**wish)
    stream = await async_client.chat.completions.create(**wish, stream=True)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == whole.choices[0].message.content


async def test_the_asynchronous_client_leaves_a_stream(async_client: AsyncOpenAI):
    stream = await async_client.chat.completions.create(
        model="tgi", messages=MESSAGES, max_tokens=500, temperature=0, stream=True
    )
    async with stream:
        async for chunk in stream:
            assert chunk.choices[0].delta.content is not None
            break
    assert (await async_client.models.list()).data
