"""Plain generation: texts, lengths, stops, headers, and the root."""

from typing import Any

import aiohttp
import pytest

from tests.tgi.contract.asking import PROMPT, generate, messages, prompt
from tests.tgi.wire import answer, events


async def test_details_are_left_out_unless_asked_for(http: aiohttp.ClientSession):
    assert (await answer(http, "/generate", prompt(max_new_tokens=2))).keys() == {"generated_text"}
    assert (await answer(http, "/generate", prompt(max_new_tokens=2, details=False))).keys() == {"generated_text"}


async def test_without_parameters_the_answer_is_sampled_with_all_that_is_left(http: aiohttp.ClientSession):
    # The end of this prompt's answer is not waited for: that it goes on past the hundredth token is enough.
    async with http.post("/generate_stream", json={"inputs": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10,"}) as response:
        assert response.status == 200
        assert (await response.content.readline()).startswith(b'data: {"index":1')
        response.close()


async def test_empty_parameters_are_greedy(http: aiohttp.ClientSession):
    first, second = [await answer(http, "/generate", prompt(details=True)) for _ in range(2)]
    assert first["generated_text"] == second["generated_text"]
    assert first["details"]["seed"] is None


async def test_stop_text_ends_the_answer_and_is_part_of_it(http: aiohttp.ClientSession):
    whole = await generate(http, max_new_tokens=12)
    stop = whole["details"]["tokens"][4]["text"]
    body = await generate(http, max_new_tokens=12, stop=["never written", stop])
    assert body["details"]["finish_reason"] == "stop_sequence"
    assert body["generated_text"].endswith(stop)
    assert whole["generated_text"].startswith(body["generated_text"])
    assert body["details"]["generated_tokens"] <= 5


async def test_a_stop_text_may_span_tokens(http: aiohttp.ClientSession):
    whole = await generate(http, max_new_tokens=12)
    texts = [token["text"] for token in whole["details"]["tokens"]]
    body = await generate(http, max_new_tokens=12, stop=["".join(texts[3:6])])
    assert (body["details"]["finish_reason"], body["generated_text"]) == ("stop_sequence", "".join(texts[:6]))


async def test_the_length_is_checked_before_a_stop_text(http: aiohttp.ClientSession):
    whole = await generate(http, max_new_tokens=4)
    stop = whole["details"]["tokens"][3]["text"]
    assert stop not in "".join(token["text"] for token in whole["details"]["tokens"][:3])
    body = await generate(http, max_new_tokens=4, stop=[stop])
    assert body["details"]["finish_reason"] == "length"


async def test_truncate_keeps_the_last_tokens(http: aiohttp.ClientSession):
    async with http.post("/generate", json=prompt(max_new_tokens=1, truncate=3)) as response:
        assert response.headers["x-prompt-tokens"] == "3"
    # The end of a long prompt is what is continued: the same as that end alone.
    tokens = await answer(http, "/tokenize", {"inputs": PROMPT})
    long = {"inputs": "Something else altogether. " + PROMPT, "parameters": {"truncate": 4, "max_new_tokens": 6}}
    short = {"inputs": PROMPT, "parameters": {"truncate": 4, "max_new_tokens": 6}}
    assert len(tokens) > 4
    assert await answer(http, "/generate", long) == await answer(http, "/generate", short)


async def test_the_full_text_starts_with_the_prompt(http: aiohttp.ClientSession):
    without = (await generate(http))["generated_text"]
    assert (await generate(http, return_full_text=True))["generated_text"] == PROMPT + without
    assert (await generate(http, return_full_text=False))["generated_text"] == without


async def ended_by_itself(http: aiohttp.ClientSession) -> tuple[dict[str, Any], Any]:
    """A request whose answer the model ends, and that answer: one of these half answers any model ends soon."""
    for start in ("Yes.", "Yes. I agree with you.", "Yes, of course. Have a nice day! Goodbye."):
        turns = messages(("user", "Say only the word yes."), ("assistant", start))
        templated = (await answer(http, "/chat_tokenize", {"messages": turns}))["templated_text"]
        body = {"inputs": templated, "parameters": {"max_new_tokens": 100, "details": True}}
        result = await answer(http, "/generate", body)
        if result["details"]["finish_reason"] == "eos_token":
            return body, result
    raise AssertionError("no answer ended by itself")


async def test_the_end_of_the_text_is_a_special_token_and_not_in_the_text(http: aiohttp.ClientSession):
    body, result = await ended_by_itself(http)
    *others, last = result["details"]["tokens"]
    assert last["special"] is True
    assert result["generated_text"] == "".join(token["text"] for token in others if not token["special"])
    event = (await events(http, "/generate_stream", body))[-1]
    assert event["token"]["special"] is True
    assert event["token"]["id"] == last["id"]
    assert event["generated_text"] == result["generated_text"]


async def test_the_length_is_checked_before_the_end_of_the_text(http: aiohttp.ClientSession):
    body, result = await ended_by_itself(http)
    body["parameters"]["max_new_tokens"] = result["details"]["generated_tokens"]
    assert (await answer(http, "/generate", body))["details"]["finish_reason"] == "length"


async def test_headers_tell_counts_and_whole_milliseconds(http: aiohttp.ClientSession):
    text = PROMPT + " ö"
    async with http.post("/generate", json={"inputs": text, "parameters": {"max_new_tokens": 4}}) as response:
        headers = response.headers
        assert response.headers["content-type"] == "application/json"
    assert headers["x-generated-tokens"] == "4"
    assert headers["x-compute-type"]
    # Characters, not bytes.
    assert headers["x-compute-characters"] == str(len(text))
    assert int(headers["x-prompt-tokens"]) > 0
    assert float(headers["x-compute-time"]) > 0
    names = ("total-time", "validation-time", "queue-time", "inference-time", "time-per-token")
    times = {name: int(headers[f"x-{name}"]) for name in names}
    assert times["total-time"] >= times["inference-time"] >= times["time-per-token"]
    parts = times["validation-time"] + times["queue-time"] + times["inference-time"]
    assert abs(times["total-time"] - parts) <= 3
    assert abs(float(headers["x-compute-time"]) * 1000 - times["total-time"]) < 50


async def test_the_root_answers_a_list_of_one(http: aiohttp.ClientSession):
    (body,) = await answer(http, "/", {"inputs": PROMPT, "parameters": {"max_new_tokens": 2}})
    assert body.keys() == {"generated_text"}
    (without,) = await answer(http, "/", prompt(max_new_tokens=2, return_full_text=False))
    (full,) = await answer(http, "/", prompt(max_new_tokens=2, return_full_text=True))
    # Unless told otherwise a text-generation model gives the prompt back here, and only here.
    assert body["generated_text"] == full["generated_text"] == PROMPT + without["generated_text"]


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (prompt(max_new_tokens=2), "generated_text"),
        ({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}, "choices"),
        ({"prompt": "Hi", "max_tokens": 2}, "choices"),
    ],
)
async def test_invocations_takes_all_three_shapes(http: aiohttp.ClientSession, body: dict[str, Any], key: str):
    result = await answer(http, "/invocations", body)
    assert key in (result[0] if isinstance(result, list) else result)


async def test_a_broken_rule_at_invocations_is_a_422(http: aiohttp.ClientSession):
    async with http.post("/invocations", json=prompt(top_p=1.0)) as response:
        assert (response.status, (await response.json())["error_type"]) == (422, "validation")
