"""huggingface_hub's ``InferenceClient`` and ``AsyncInferenceClient``."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import HfHubHTTPError, ValidationError

from tests.tgi.contract.asking import PROMPT, QUESTION
from tests.tgi.contract.conftest import Target
from tests.tgi.contract.test_grammar import SCHEMA, assert_matches
from tests.tgi.contract.test_tools import ASKED, WEATHER

TIMEOUT = 60
MESSAGES = [{"role": "user", "content": QUESTION}]
QUESTION_OF_WEATHER = [{"role": "user", "content": ASKED[0][1]}]
USAGE: Any = {"include_usage": True}
GRAMMAR: Any = {"type": "json", "value": SCHEMA}


def options(target: Target) -> dict[str, Any]:
    # Without one of ours it would send a token that lies on this machine.
    return {"base_url": target.url, "token": target.key or "no-key-needed", "timeout": TIMEOUT}


@pytest.fixture
def client(target: Target) -> InferenceClient:
    return InferenceClient(**options(target))


@pytest.fixture
async def async_client(target: Target) -> AsyncIterator[AsyncInferenceClient]:
    async with AsyncInferenceClient(**options(target)) as client:
        yield client


def test_text_generation(client: InferenceClient):
    # It asks the root, which gives the prompt back unless told otherwise.
    full = client.text_generation(PROMPT, max_new_tokens=4)
    assert full == PROMPT + client.text_generation(PROMPT, max_new_tokens=4, return_full_text=False)


def test_text_generation_with_details(client: InferenceClient):
    output = client.text_generation(
        PROMPT, max_new_tokens=4, details=True, top_n_tokens=2, seed=1, temperature=0.8, return_full_text=False
    )
    assert output.details is not None
    assert (output.details.finish_reason, output.details.generated_tokens, output.details.seed) == ("length", 4, 1)
    assert output.generated_text == "".join(token.text for token in output.details.tokens)
    assert output.details.top_tokens is not None


def test_text_generation_in_a_stream(client: InferenceClient):
    pieces = list(client.text_generation(PROMPT, max_new_tokens=4, stream=True))
    assert PROMPT + "".join(pieces) == client.text_generation(PROMPT, max_new_tokens=4)


def test_text_generation_in_a_stream_with_details(client: InferenceClient):
    *_, last = client.text_generation(PROMPT, max_new_tokens=4, stream=True, details=True)
    assert last.details is not None
    assert (last.details.finish_reason, last.details.generated_tokens) == ("length", 4)
    assert last.details.input_length > 0


def test_text_generation_with_a_grammar(client: InferenceClient):
    text = client.text_generation(PROMPT, max_new_tokens=60, grammar=GRAMMAR, return_full_text=False)
    assert_matches(text)


def test_a_validation_error_is_its_own(client: InferenceClient):
    with pytest.raises(ValidationError, match="must be <="):
        client.text_generation(PROMPT, max_new_tokens=10_000_000)
    with pytest.raises(ValidationError, match="must be <="):
        list(client.text_generation(PROMPT, max_new_tokens=10_000_000, stream=True))


def test_chat_completion(client: InferenceClient):
    completion = client.chat_completion(MESSAGES, max_tokens=6, temperature=0.0, logprobs=True, top_logprobs=2)
    (choice,) = completion.choices
    assert choice.message.content
    assert choice.finish_reason == "length"
    assert completion.usage.completion_tokens == 6
    assert choice.logprobs is not None
    assert all(len(token.top_logprobs) >= 2 for token in choice.logprobs.content)


def test_a_wrong_chat_is_an_http_error_with_the_reason(client: InferenceClient):
    with pytest.raises(HfHubHTTPError, match="top_p"):
        client.chat_completion(MESSAGES, top_p=1.0)


def test_chat_completion_calls_a_tool(client: InferenceClient):
    completion = client.chat_completion(
        QUESTION_OF_WEATHER, tools=[WEATHER], tool_choice="required", max_tokens=100, temperature=0.0
    )
    (call,) = completion.choices[0].message.tool_calls or []
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments).keys() == {"city", "unit"}


def test_chat_completion_in_a_format(client: InferenceClient):
    completion = client.chat_completion(MESSAGES, response_format=GRAMMAR, max_tokens=60, temperature=0.0)
    assert_matches(completion.choices[0].message.content or "")


async def test_asynchronous_text_generation(async_client: AsyncInferenceClient):
    text = await async_client.text_generation(PROMPT, max_new_tokens=4)
    stream = await async_client.text_generation(PROMPT, max_new_tokens=4, stream=True)
    assert PROMPT + "".join([piece async for piece in stream]) == text


async def test_asynchronous_text_generation_fails_alike(async_client: AsyncInferenceClient):
    with pytest.raises(ValidationError, match="must be <="):
        await async_client.text_generation(PROMPT, max_new_tokens=10_000_000)


async def test_asynchronous_chat_in_a_stream(async_client: AsyncInferenceClient):
    stream = await async_client.chat_completion(
        MESSAGES, max_tokens=6, temperature=0.0, stream=True, stream_options=USAGE
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 6
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    completion = await async_client.chat_completion(MESSAGES, max_tokens=6, temperature=0.0)
    assert text == completion.choices[0].message.content


async def test_asynchronous_chat_streams_a_call(async_client: AsyncInferenceClient):
    stream = await async_client.chat_completion(
        QUESTION_OF_WEATHER,
        tools=[WEATHER],
        tool_choice="required",
        max_tokens=100,
        temperature=0.0,
        stream=True,
    )
    calls = [call async for chunk in stream for call in chunk.choices[0].delta.tool_calls or []]
    assert calls[0].function.name == "get_weather"
    assert json.loads("".join(call.function.arguments for call in calls)).keys() == {"city", "unit"}
