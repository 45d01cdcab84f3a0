"""Refusals of plain requests: status, type and words."""

import io
from typing import Any

import aiohttp
import pytest

from tests.tgi.wire import refusal

INVALID = [
    ({"temperature": 0.0}, "`temperature` must be strictly positive"),
    ({"repetition_penalty": 0.0}, "`repetition_penalty` must be strictly positive"),
    ({"frequency_penalty": 2.5}, "`frequency_penalty` must be >= -2.0 and <= 2.0"),
    ({"top_p": 1.0}, "`top_p` must be > 0.0 and < 1.0"),
    ({"typical_p": 0.0}, "`typical_p` must be > 0.0 and < 1.0"),
    ({"top_k": 0}, "`top_k` must be strictly positive"),
    ({"max_new_tokens": 0}, "`max_new_tokens` must be strictly positive"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "`stop` supports up to 4 stop sequences. Given: 5"),
    ({"truncate": 0}, "`truncate` must be strictly positive and less than"),
]


@pytest.mark.parametrize(("parameters", "message"), INVALID)
async def test_a_broken_rule_is_a_422(http: aiohttp.ClientSession, parameters: dict[str, Any], message: str):
    status, body = await refusal(http, "/generate", {"inputs": "Hello", "parameters": parameters})
    assert (status, body["error_type"]) == (422, "validation")
    assert body["error"].startswith(f"Input validation error: {message}")


async def test_an_empty_prompt_is_refused(http: aiohttp.ClientSession):
    status, body = await refusal(http, "/generate", {"inputs": ""})
    assert (status, body["error"]) == (422, "Input validation error: `inputs` cannot be empty")


async def test_more_than_the_context_is_refused_with_the_numbers(http: aiohttp.ClientSession):
    async with http.get("/info") as response:
        total = (await response.json())["max_total_tokens"]
    parameters = {"max_new_tokens": total}
    status, body = await refusal(http, "/generate", {"inputs": "Hello", "parameters": parameters})
    assert status == 422
    assert f"`inputs` tokens + `max_new_tokens` must be <= {total}. Given: " in body["error"]
    assert body["error"].endswith(f"and {total} `max_new_tokens`")


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{not json", "application/json", 400),
        (b'{"inputs": "a"}', "text/plain", 415),
        (b'{"inputs": 1}', "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"inputs": "a", "parameters": {"top_k": "five"}}', "application/json", 422),
        (b'{"inputs": "a", "parameters": {"seed": -1}}', "application/json", 422),
        (b'{"inputs": "a", "parameters": {"seed": 18446744073709551616}}', "application/json", 422),
    ],
)
async def test_an_unreadable_body_is_refused_as_text(
    http: aiohttp.ClientSession, data: bytes, content_type: str, status: int
):
    async with http.post("/generate", data=data, headers={"content-type": content_type}) as response:
        assert response.status == status
        assert response.headers["content-type"].startswith("text/plain")
        assert await response.text()


async def test_a_body_over_two_million_bytes_is_refused(http: aiohttp.ClientSession):
    data = io.BytesIO(b'{"inputs": "' + b"a" * 2_000_000 + b'"}')
    async with http.post("/generate", data=data, headers={"content-type": "application/json"}) as response:
        assert response.status == 413


async def test_unknown_fields_are_ignored(http: aiohttp.ClientSession):
    body = {"inputs": "Hello", "surprise": 1, "parameters": {"max_new_tokens": 1, "another": [2]}}
    async with http.post("/generate", json=body) as response:
        assert response.status == 200
