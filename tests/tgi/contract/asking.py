"""The requests most tests start from: small, greedy, and the same for every model."""

from typing import Any

import aiohttp

from tests.tgi.wire import answer, events, refusal

PROMPT = "Once upon a time, there was a little"
# A model that counts does not stop by itself.
COUNTING = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,"
ENDLESS = {"inputs": COUNTING, "parameters": {"max_new_tokens": 1000}}
SHORT = {"inputs": PROMPT, "parameters": {"max_new_tokens": 2}}
CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
QUESTION = "Name three birds."


def prompt(**parameters: Any) -> dict[str, Any]:
    """The body of a generation of 8 tokens."""
    return {"inputs": PROMPT, "parameters": {"max_new_tokens": 8, **parameters}}


async def generate(http: aiohttp.ClientSession, **parameters: Any) -> Any:
    """A plain generation with its details."""
    return await answer(http, "/generate", prompt(details=True, **parameters))


async def generate_stream(http: aiohttp.ClientSession, **parameters: Any) -> list[Any]:
    """The events of a streamed generation with details."""
    return await events(http, "/generate_stream", prompt(details=True, **parameters))


async def assert_refused(http: aiohttp.ClientSession, path: str, body: dict[str, Any], words: str) -> None:
    """The request is a 422 of the type validation, TGI's prefix before ``words``."""
    status, error = await refusal(http, path, body)
    assert (status, error["error_type"]) == (422, "validation"), error
    assert error["error"].startswith(f"Input validation error: {words}"), error


def messages(*turns: tuple[str, str]) -> list[dict[str, str]]:
    """Messages of ``(role, content)``; one question where there are none."""
    return [{"role": role, "content": content} for role, content in turns or (("user", QUESTION),)]


def chat(*turns: tuple[str, str], **more: Any) -> dict[str, Any]:
    """The body of a greedy chat completion of 8 tokens."""
    return {"model": "tgi", "messages": messages(*turns), "max_tokens": 8, "temperature": 0, **more}


async def say(http: aiohttp.ClientSession, *turns: tuple[str, str], **more: Any) -> Any:
    """The one choice of a whole chat completion."""
    completion = await answer(http, CHAT, chat(*turns, **more))
    (choice,) = completion["choices"]
    return choice


async def say_stream(http: aiohttp.ClientSession, *turns: tuple[str, str], **more: Any) -> list[Any]:
    """The chunks of a streamed chat completion, without the ``[DONE]`` that must end it."""
    chunks = await events(http, CHAT, chat(*turns, stream=True, **more))
    assert chunks.pop() == "[DONE]"
    return chunks
