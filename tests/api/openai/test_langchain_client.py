"""LangChain's `ChatOpenAI`, pointed at `/v1`."""

from __future__ import annotations

from typing import Literal

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from tests.api.openai.conftest import Door

QUESTION = [SystemMessage("Be brief."), HumanMessage("Say hello in five words.")]


class Weather(BaseModel):
    """The weather in a city."""

    city: Literal["Paris", "Oslo"]
    rain: bool


@pytest.fixture
def chat(door: Door) -> ChatOpenAI:
    return ChatOpenAI(
        model=door.model,
        base_url=door.url,
        api_key=SecretStr(door.key),
        temperature=0,
        max_completion_tokens=60,
        max_retries=0,
    )


def test_it_is_invoked(chat: ChatOpenAI, door: Door):
    answer = chat.invoke(QUESTION)
    assert answer.content
    assert answer.response_metadata["model_name"] == door.model
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] > 0


def test_it_streams(chat: ChatOpenAI):
    pieces = [piece.content for piece in chat.stream(QUESTION)]
    assert len(pieces) > 2
    assert "".join(map(str, pieces)) == chat.invoke(QUESTION).content


async def test_it_streams_asynchronously(chat: ChatOpenAI):
    pieces = [str(piece.content) async for piece in chat.astream(QUESTION)]
    assert "".join(pieces).strip()


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_it_gives_structured_output(chat: ChatOpenAI, method: Literal["json_schema", "function_calling"]):
    found = chat.with_structured_output(Weather, method=method).invoke("Does it rain in Oslo?")
    assert isinstance(found, Weather)


def test_a_stop_ends_the_answer(chat: ChatOpenAI):
    whole = str(chat.invoke(QUESTION).content)
    stop = whole[4:6]
    assert chat.invoke(QUESTION, stop=[stop]).content == whole[: whole.index(stop)]
