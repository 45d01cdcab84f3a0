"""The rules of a generation: each one's words, their order, and bodies that cannot be read."""

import io
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from tests.tgi.contract.asking import CHAT, COMPLETIONS, assert_refused, chat, messages, prompt
from tests.tgi.contract.conftest import Target
from tests.tgi.wire import answer, events

# In TGI's order: of two broken rules the earlier one is named.
RULES: list[tuple[dict[str, Any], str]] = [
    ({"best_of": 3, "do_sample": True}, "`best_of` must be > 0 and <= 2. Given: 3"),
    ({"best_of": 2}, "you must use sampling when `best_of` is > 1"),
    ({"temperature": 0.0}, "`temperature` must be strictly positive"),
    ({"repetition_penalty": 0.0}, "`repetition_penalty` must be strictly positive"),
    ({"frequency_penalty": 2.5}, "`frequency_penalty` must be >= -2.0 and <= 2.0"),
    ({"top_p": 1.0}, "`top_p` must be > 0.0 and < 1.0"),
    ({"typical_p": 1.0}, "`typical_p` must be > 0.0 and < 1.0"),
    ({"top_k": 0}, "`top_k` must be strictly positive"),
    ({"max_new_tokens": 0}, "`max_new_tokens` must be strictly positive"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "`stop` supports up to 4 stop sequences. Given: 5"),
    ({"best_of": 2, "do_sample": True, "seed": 1}, "`seed` must not be set when `best_of` > 1"),
    ({"top_n_tokens": 6}, "`top_n_tokens` must be >= 0 and <= 5. Given: 6"),
    ({"truncate": 0}, "`truncate` must be strictly positive and less than"),
    ({"max_new_tokens": 10_000_000}, "`inputs` tokens + `max_new_tokens` must be <= "),
    ({"grammar": {"type": "json", "value": "{not json"}}, "grammar is not valid: "),
]
EDGES: list[dict[str, Any]] = [
    {"temperature": -1.0},
    {"repetition_penalty": -0.1},
    {"frequency_penalty": -2.1},
    {"top_p": 0.0},
    {"typical_p": 0.0},
    {"top_k": -1},
    {"truncate": 10_000_000},
]
ALLOWED: list[dict[str, Any]] = [
    {"temperature": 0.01},
    {"temperature": 3.0},
    {"repetition_penalty": 0.5},
    {"frequency_penalty": -2.0},
    {"frequency_penalty": 2.0},
    {"top_p": 0.99},
    {"typical_p": 0.01},
    {"top_k": 1},
    {"top_k": 10_000_000},
    {"stop": ["a", "b", "c", "d"]},
    {"stop": []},
    {"seed": 0},
    {"seed": 2**64 - 1, "do_sample": True},
    {"top_n_tokens": 0},
    {"truncate": 1},
    {"best_of": 1},
    {"return_full_text": None, "grammar": None, "seed": None},
]


@pytest.mark.parametrize(("parameters", "words"), RULES)
async def test_a_broken_rule_is_a_422(http: aiohttp.ClientSession, parameters: dict[str, Any], words: str):
    await assert_refused(http, "/generate", prompt(**parameters), words)


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(RULES))[2:])
async def test_the_earlier_of_two_broken_rules_is_named(
    http: aiohttp.ClientSession, earlier: tuple[dict[str, Any], str], later: tuple[dict[str, Any], str]
):
    await assert_refused(http, "/generate", prompt(**later[0], **earlier[0]), earlier[1])


async def test_an_empty_prompt_is_refused_after_the_parameters_and_before_truncate(http: aiohttp.ClientSession):
    empty = "`inputs` cannot be empty"
    await assert_refused(http, "/generate", {"inputs": ""}, empty)
    await assert_refused(http, "/generate", {"inputs": "", "parameters": {"truncate": 0}}, empty)
    top_n = {"inputs": "", "parameters": {"top_n_tokens": 6}}
    await assert_refused(http, "/generate", top_n, "`top_n_tokens` must be")


@pytest.mark.parametrize("parameters", EDGES)
async def test_the_other_edge_of_a_rule_is_refused_too(http: aiohttp.ClientSession, parameters: dict[str, Any]):
    await assert_refused(http, "/generate", prompt(**parameters), f"`{next(iter(parameters))}` must be ")


@pytest.mark.parametrize("parameters", ALLOWED)
async def test_what_the_rules_allow_is_answered(http: aiohttp.ClientSession, parameters: dict[str, Any]):
    async with http.post("/generate", json=prompt(**{"max_new_tokens": 1, **parameters})) as response:
        assert response.status == 200, await response.text()


async def text_of(http: aiohttp.ClientSession, tokens: int) -> str:
    """A text of so many tokens."""
    words = tokens
    for _ in range(5):
        text = " word" * words
        missing = tokens - len(await answer(http, "/tokenize", {"inputs": text}))
        if not missing:
            return text
        words += missing
    raise AssertionError(f"no text of {tokens} tokens found")


async def test_more_than_the_context_is_refused_with_the_numbers(http: aiohttp.ClientSession):
    async with http.get("/info") as response:
        info = await response.json()
    total, longest = info["max_total_tokens"], info["max_input_tokens"]
    body = {"inputs": "Hello", "parameters": {"max_new_tokens": total}}
    async with http.post("/generate", json=body) as response:
        message = (await response.json())["error"]
    assert f"`inputs` tokens + `max_new_tokens` must be <= {total}. Given: " in message
    assert message.endswith(f"and {total} `max_new_tokens`")
    # The sum is looked at first, so only a prompt that leaves nothing to generate is too long by itself.
    text = await text_of(http, total)
    words = f"`inputs` must have less than {longest} tokens. Given: {total}"
    await assert_refused(http, "/generate", {"inputs": text}, words)
    words = f"`inputs` tokens + `max_new_tokens` must be <= {total}. Given: {total} `inputs` tokens and 1 `max_new"
    await assert_refused(http, "/generate", {"inputs": text, "parameters": {"max_new_tokens": 1}}, words)


@pytest.mark.parametrize("feature", ["watermark", "adapter_id"])
async def test_what_an_engine_lacks_is_refused(http: aiohttp.ClientSession, target: Target, feature: Any):
    if target.lacks(feature):
        value = {"watermark": True, "adapter_id": "someone/adapter"}[feature]
        await assert_refused(http, "/generate", prompt(**{feature: value}), f"`{feature}`")
        (event,) = await events(http, "/generate_stream", prompt(**{feature: value}))
        assert event["error_type"] == "validation"


SHAPES = [
    ("/generate", b"{not json", 400),
    ("/generate", b"", 400),
    ("/generate", b'{"inputs": "\xff"}', 400),
    ("/generate", b'{"inputs": 1}', 422),
    ("/generate", b'"inputs"', 422),
    ("/generate", b"{}", 422),
    ("/generate", b'{"inputs": "a", "parameters": {"top_k": "five"}}', 422),
    ("/generate", b'{"inputs": "a", "parameters": {"seed": -1}}', 422),
    ("/generate", b'{"inputs": "a", "parameters": {"seed": 18446744073709551616}}', 422),
    ("/generate", b'{"inputs": "a", "parameters": {"stop": "b"}}', 422),
    (
        "/generate",
        b'{"inputs": "a", "parameters": {"grammar": {"type": "ebnf", "value": "a"}}}',
        422,
    ),
    ("/generate", b'{"inputs": "a", "parameters": {"grammar": {"type": "regex"}}}', 422),
    ("/generate_stream", b'{"inputs": 1}', 422),
    ("/", b'{"inputs": "a", "stream": "yes"}', 422),
    (CHAT, b"{}", 422),
    (CHAT, b'{"messages": [{"role": "user", "content": "a"}], "stop": "b"}', 422),
    (CHAT, b'{"messages": [{"content": "a"}]}', 422),
    (CHAT, b'{"messages": [{"role": "user"}]}', 422),
    (CHAT, b'{"messages": [{"role": "user", "content": [{"type": "sound"}]}]}', 422),
    (COMPLETIONS, b"{}", 422),
    (COMPLETIONS, b'{"prompt": []}', 422),
    (COMPLETIONS, b'{"prompt": [1, 2]}', 422),
    ("/tokenize", b"{}", 422),
    ("/chat_tokenize", b"{}", 422),
    ("/invocations", b'{"neither": 1}', 422),
]


@pytest.mark.parametrize(("path", "data", "status"), SHAPES)
async def test_an_unreadable_body_is_refused_as_text(http: aiohttp.ClientSession, path: str, data: bytes, status: int):
    async with http.post(path, data=data, headers={"content-type": "application/json"}) as response:
        assert response.status == status, await response.text()
        assert response.headers["content-type"].startswith("text/plain")
        assert await response.text()


@pytest.mark.parametrize("path", ["/generate", CHAT, COMPLETIONS])
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_that_is_not_declared_as_json_is_a_415(http: aiohttp.ClientSession, path: str, content_type: str):
    async with http.post(path, data=b"{}", headers={"content-type": content_type}) as response:
        assert response.status == 415
        assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/generate", CHAT])
async def test_a_body_over_two_million_bytes_is_refused(http: aiohttp.ClientSession, path: str):
    data = io.BytesIO(b'{"inputs": "' + b"a" * 2_000_000 + b'"}')
    async with http.post(path, data=data, headers={"content-type": "application/json"}) as response:
        assert response.status == 413
        assert response.headers["content-type"].startswith("text/plain")


async def test_unknown_fields_are_ignored(http: aiohttp.ClientSession):
    body = {"inputs": "Hello", "surprise": 1, "parameters": {"max_new_tokens": 1, "another": [2]}}
    async with http.post("/generate", json=body) as response:
        assert response.status == 200
    async with http.post(CHAT, json=chat(max_tokens=1, user="someone", metadata={})) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "body",
    [
        chat(top_p=1.0),
        chat(temperature=-1.0),
        chat(frequency_penalty=3.0),
        chat(stop=["a", "b", "c", "d", "e"]),
        {"messages": messages(), "max_tokens": 0},
    ],
)
async def test_the_rules_hold_in_chat(http: aiohttp.ClientSession, body: dict[str, Any]):
    await assert_refused(http, CHAT, body, "`")
