"""The `openai` package, pointed at `/v1` of all of Parley with the real model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.api.openai.conftest import Door
from tests.launcher.running import wait_until
from tests.support.stack import Stack

# Not typed: the package asks for a type of its own for every shape.
MESSAGES: Any = [{"role": "user", "content": "Say hello in five words."}]
SHORT: Any = {"max_tokens": 6, "temperature": 0}
CITIES = ["Paris", "Oslo"]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city now",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": CITIES}},
            "required": ["city"],
        },
    },
}

# TGI's own: an answer that cannot end early.
ENDLESS = {"type": "regex", "value": "(ha ){900}"}


class City(BaseModel):
    name: str
    capital: bool


@pytest.fixture
def client(door: Door) -> Iterator[OpenAI]:
    with openai.OpenAI(base_url=door.url, api_key=door.key, max_retries=0, timeout=60) as made:
        yield made


def test_the_model_is_listed_and_found_by_its_id_and_as_tgi(client: OpenAI, door: Door):
    [listed] = client.models.list()
    assert (listed.id, listed.object) == (door.model, "model")
    assert client.models.retrieve(door.model) == listed
    assert client.models.retrieve("tgi") == listed


@pytest.mark.parametrize("name", ["served", "tgi"])
def test_an_answer(client: OpenAI, door: Door, name: str):
    model = door.model if name == "served" else name
    completion = client.chat.completions.create(model=model, messages=MESSAGES, **SHORT)
    [choice] = completion.choices
    assert (choice.message.role, choice.finish_reason) == ("assistant", "length")
    assert choice.message.content
    assert (completion.model, completion.object) == (door.model, "chat.completion")
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 6
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + 6


def test_a_stream_is_the_same_text_with_the_usage_last(client: OpenAI):
    whole = client.chat.completions.create(model="tgi", messages=MESSAGES, **SHORT)
    options: Any = {"include_usage": True}
    *chunks, last = client.chat.completions.create(
        model="tgi", messages=MESSAGES, stream=True, stream_options=options, **SHORT
    )
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert len([text for text in texts if text]) > 1
    assert "".join(texts) == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "length"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert (last.choices, last.usage) == ([], whole.usage)
    assert len({chunk.id for chunk in [*chunks, last]}) == 1


def test_without_stream_options_no_chunk_is_without_a_choice(client: OpenAI):
    chunks = list(client.chat.completions.create(model="tgi", messages=MESSAGES, stream=True, **SHORT))
    assert all(len(chunk.choices) == 1 for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)


async def test_the_asynchronous_client_gets_the_same(client: OpenAI, door: Door):
    whole = client.chat.completions.create(model="tgi", messages=MESSAGES, **SHORT)
    async with AsyncOpenAI(base_url=door.url, api_key=door.key, max_retries=0) as other:
        again = await other.chat.completions.create(model="tgi", messages=MESSAGES, **SHORT)
        stream = await other.chat.completions.create(model="tgi", messages=MESSAGES, stream=True, **SHORT)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert again.choices == whole.choices
    assert text == whole.choices[0].message.content


def test_the_packages_own_reading_of_a_stream_comes_to_the_whole_answer(client: OpenAI):
    # It takes an answer that was cut off for a mistake.
    wish: Any = {"model": "tgi", "messages": MESSAGES, "temperature": 0, "stop": ["e"]}
    with client.chat.completions.stream(**wish) as stream:
        told = [event.delta for event in stream if event.type == "content.delta"]
        completion = stream.get_final_completion()
    assert completion.choices[0].message.content == "".join(told)


def test_parameters_are_the_models(client: OpenAI):
    def say(**wish: Any) -> str:
        more = {"max_tokens": 12, **wish}
        return str(client.chat.completions.create(model="tgi", messages=MESSAGES, **more).choices[0].message.content)

    assert say(seed=1, temperature=1.5, top_p=0.9) == say(seed=1, temperature=1.5, top_p=0.9)
    assert len({say(seed=seed, temperature=1.5) for seed in range(4)}) > 1
    assert say(seed=-1, temperature=1.0, top_p=1.0, frequency_penalty=0.5, presence_penalty=0, n=1)
    assert len(say(max_tokens=1, max_completion_tokens=6, temperature=0)) > len(say(max_tokens=1, temperature=0))


def test_a_stop_ends_the_answer_and_is_not_in_it(client: OpenAI):
    def ask(**wish: Any) -> Any:
        wish = {"model": "tgi", "messages": MESSAGES, "max_tokens": 12, "temperature": 0, **wish}
        return client.chat.completions.create(**wish)

    text = ask().choices[0].message.content
    stop = text.split(" ")[2]
    choice = ask(stop=stop).choices[0]
    streamed = [chunk.choices[0] for chunk in ask(stop=[stop], stream=True)]
    assert choice.message.content == text[: text.index(stop)]
    assert choice.finish_reason == streamed[-1].finish_reason == "stop"
    assert "".join(one.delta.content or "" for one in streamed) == choice.message.content


def test_log_probabilities_are_of_the_tokens_of_the_answer(client: OpenAI):
    wish: Any = {"model": "tgi", "messages": MESSAGES, "logprobs": True, "top_logprobs": 2, **SHORT}
    [choice] = client.chat.completions.create(**wish).choices
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert "".join(token.token for token in choice.logprobs.content) == choice.message.content
    assert {len(token.top_logprobs) for token in choice.logprobs.content} == {2}
    streamed = [
        token
        for chunk in client.chat.completions.create(**wish, stream=True)
        for token in (chunk.choices[0].logprobs and chunk.choices[0].logprobs.content) or ()
    ]
    assert streamed == choice.logprobs.content


def test_a_tool_is_called_and_its_result_answered(client: OpenAI):
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Oslo?"}]
    wish: Any = {"model": "tgi", "tools": [WEATHER], "temperature": 0}
    [choice] = client.chat.completions.create(messages=messages, tool_choice="required", max_tokens=60, **wish).choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert choice.message.tool_calls is not None
    [call] = choice.message.tool_calls
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments)["city"] in CITIES
    # As the package's users do: the message goes back as it came.
    messages += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "Rain."}]
    [after] = client.chat.completions.create(messages=messages, tool_choice="none", max_tokens=6, **wish).choices
    assert after.message.tool_calls is None
    assert after.message.content


def test_a_streamed_call_is_put_together_by_the_package(client: OpenAI):
    messages: Any = [{"role": "user", "content": "What is the weather in Oslo?"}]
    named: Any = {"type": "function", "function": {"name": "get_weather"}}
    wish: Any = {"messages": messages, "tools": [WEATHER], "tool_choice": named, "max_tokens": 60, "temperature": 0}
    whole = client.chat.completions.create(model="tgi", **wish).choices[0]
    with client.chat.completions.stream(model="tgi", **wish) as stream:
        stream.until_done()
        final = stream.get_final_completion().choices[0]
    assert final.finish_reason == whole.finish_reason == "tool_calls"
    assert whole.message.tool_calls is not None
    assert final.message.tool_calls is not None
    [called], [streamed] = whole.message.tool_calls, final.message.tool_calls
    assert called.type == streamed.type == "function"
    assert (streamed.id, streamed.function.name) == (called.id, called.function.name)
    assert json.loads(streamed.function.arguments) == json.loads(called.function.arguments)


def test_an_answer_fits_the_schema_that_was_asked_for(client: OpenAI):
    messages: Any = [{"role": "user", "content": "Describe Oslo as JSON."}]
    parsed = client.chat.completions.parse(
        model="tgi", messages=messages, response_format=City, max_tokens=80, temperature=0
    )
    assert isinstance(parsed.choices[0].message.parsed, City)
    anything: Any = {"type": "json_object"}
    loose = client.chat.completions.create(
        model="tgi", messages=messages, response_format=anything, max_tokens=200, temperature=0, stop=["}"]
    )
    assert str(loose.choices[0].message.content).lstrip().startswith("{")


def test_plain_completions_of_one_prompt_and_of_several(client: OpenAI):
    wish: Any = {"model": "tgi", "max_tokens": 4, "temperature": 0}
    one = client.completions.create(prompt="One, two, three,", **wish)
    two = client.completions.create(prompt=["One, two, three,", "The sun is"], **wish)
    streamed = list(client.completions.create(prompt=["One, two, three,", "The sun is"], stream=True, **wish))
    assert (one.object, one.choices[0].finish_reason) == ("text_completion", "length")
    assert [choice.index for choice in two.choices] == [0, 1]
    assert two.choices[0].text == one.choices[0].text
    for index, choice in enumerate(two.choices):
        pieces = [chunk.choices[0] for chunk in streamed if chunk.choices[0].index == index]
        assert "".join(piece.text for piece in pieces) == choice.text
        assert [piece.finish_reason for piece in pieces][-1] == "length"
    assert one.usage is not None
    assert two.usage is not None
    assert (one.usage.completion_tokens, two.usage.completion_tokens) == (4, 8)


# Errors, as the package's own classes


def test_a_wrong_key_is_an_authentication_error(door: Door):
    with (
        OpenAI(base_url=door.url, api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as told,
    ):
        client.models.list()
    assert told.value.code == "invalid_api_key"


def test_another_model_is_not_found(client: OpenAI, door: Door):
    with pytest.raises(openai.NotFoundError) as told:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert (told.value.code, told.value.param) == ("model_not_found", "model")
    assert door.model in told.value.message
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="tgi", input="x")


@pytest.mark.parametrize(
    ("wish", "param"), [({"n": 2}, "n"), ({"temperature": 3}, "temperature"), ({"logit_bias": {"1": 5}}, "logit_bias")]
)
def test_what_cannot_be_is_a_bad_request_that_names_it(client: OpenAI, wish: Any, param: str):
    with pytest.raises(openai.BadRequestError) as told:
        client.chat.completions.create(model="tgi", messages=MESSAGES, **wish)
    assert told.value.param == param


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_is_too_long_is_one_before_the_stream_begins(client: OpenAI, stream: bool):
    with pytest.raises(openai.BadRequestError) as told:
        client.chat.completions.create(model="tgi", messages=MESSAGES, max_tokens=1_000_000, stream=stream)
    assert told.value.code == "context_length_exceeded"


def generating(stack: Stack) -> float:
    """How many requests the engine works on, by its own count."""
    text = requests.get(f"{stack.tgi_url}/metrics", timeout=30).text
    return float(next(line for line in text.split("\n") if line.startswith("tgi_batch_current_size ")).split()[1])


def test_a_client_that_leaves_frees_the_engine(client: OpenAI, stack: Stack):
    """By the engine's own metrics, long before the answer would have ended."""
    long: Any = {"model": "tgi", "messages": MESSAGES, "max_tokens": 3000, "response_format": ENDLESS}
    stream = client.chat.completions.create(**long, stream=True)
    next(iter(stream))
    assert generating(stack) == 1
    stream.close()
    wait_until(lambda: generating(stack) == 0, 3, "the engine is free after a stream was left")
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=1).chat.completions.create(**long)
    wait_until(lambda: generating(stack) == 0, 3, "the engine is free after a whole answer was left")


# Stored


def test_an_exchange_is_stored_as_an_interaction_of_a_session(client: OpenAI, door: Door):
    def ask(session_id: str, text: str) -> Any:
        messages: Any = [{"role": "user", "content": text}]
        return client.chat.completions.create(
            model="tgi", messages=messages, metadata={"session_id": session_id}, max_tokens=6
        )

    first = ask("new", "Say hello.")
    place: dict[str, str] = first.metadata  # the package keeps fields that it does not know
    second = ask(place["session_id"], "And goodbye.")
    url = f"{door.site_url}/api/sessions/{place['session_id']}/interactions/"
    kept = requests.get(url, headers=door.headers, timeout=30).json()["results"]
    assert second.metadata["session_id"] == place["session_id"]
    assert [one["query_text"] for one in kept] == ["And goodbye.", "Say hello."]
    assert [one["id"] for one in kept] == [second.metadata["interaction_id"], place["interaction_id"]]
    assert kept[1]["final_response_text"] == first.choices[0].message.content


def test_a_stored_stream_says_in_its_headers_where_it_is(client: OpenAI, door: Door):
    answer = client.chat.completions.with_raw_response.create(
        model="tgi", messages=MESSAGES, stream=True, extra_headers={"X-Parley-Session": "new"}, **SHORT
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in answer.parse())
    url = f"{door.site_url}/api/interactions/{answer.headers['X-Parley-Interaction']}/"
    kept = requests.get(url, headers=door.headers, timeout=30).json()
    assert kept["session_id"] == answer.headers["X-Parley-Session"]
    assert kept["final_response_text"] == text
