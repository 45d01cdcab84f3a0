"""/v1/completions: what is refused, and several prompts that fail, wait or are left together."""

import json
import time
from typing import Any

import aiohttp
import pytest

from tests.tgi.wire import DONE, answer, events, frames, refusal
from tgi.errors import RequestRejectedError, ValidationError
from tgi.protocol.chat import ChatRequest
from tgi.protocol.completions import CompletionRequest
from tgi.protocol.invocations import decode_invocation
from tgi.protocol.requests import CompatGenerateRequest, decode

PATH = "/v1/completions"
PROMPT = "Once upon a time"
SOON_SECONDS = 10.0


def decoded(**fields: Any) -> CompletionRequest:
    return decode(json.dumps(fields).encode(), "application/json", CompletionRequest)


def body(*prompts: str, **more: Any) -> dict[str, Any]:
    return {"prompt": prompts, "max_tokens": 4, "temperature": 0, **more}


def test_a_prompt_or_several():
    assert decoded(prompt="a").prompts == ("a",)
    assert decoded(prompt=["a", "b"]).prompts == ("a", "b")
    # An empty text is a prompt, which the generation refuses.
    assert decoded(prompt="").prompts == ("",)


@pytest.mark.parametrize("prompt", [[], None, 5, [5], [["a"]]])
def test_a_prompt_of_another_shape_is_refused(prompt: object):
    with pytest.raises(RequestRejectedError) as refusal:
        decoded(prompt=prompt)
    assert refusal.value.status == 422


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"n": 2}, "`n` must be 1"),
        ({"best_of": 3}, "`best_of` must be 1"),
        ({"echo": True}, "`echo` is not supported"),
        ({"logprobs": 0}, "`logprobs` is not supported"),
        ({"presence_penalty": 0.5}, "`presence_penalty` is not supported"),
        ({"logit_bias": {"1": 1}}, "`logit_bias` is not supported"),
    ],
)
def test_what_tgi_ignores_is_refused(wish: dict[str, Any], words: str):
    with pytest.raises(ValidationError, match=f"Input validation error: {words}"):
        decoded(prompt="a", **wish).check(4)


def test_what_asks_for_nothing_more_is_taken():
    nothing: dict[str, Any] = {
        "n": 1,
        "best_of": 1,
        "echo": False,
        "logprobs": None,
        "presence_penalty": 0,
        "logit_bias": {},
    }
    decoded(prompt=["a"] * 4, **nothing).check(4)


def test_suffixes_and_too_many_prompts_are_refused_in_tgis_words():
    with pytest.raises(ValidationError) as suffix:
        decoded(prompt="a", suffix="b").check(4)
    assert suffix.value.body() == {
        "error": "Suffix is not supported and can be achieved by preprocessing the prompt.",
        "error_type": "suffix not supported",
    }
    with pytest.raises(ValidationError) as batch:
        decoded(prompt=["a"] * 5).check(4)
    assert batch.value.body() == {
        "error": "Number of prompts exceeds the maximum allowed batch size of 4",
        "error_type": "batch size exceeded",
    }


def test_wishes_become_parameters():
    assert not decoded(prompt="a", temperature=0).to_parameters().do_sample
    assert decoded(prompt="a").to_parameters().do_sample
    parameters = decoded(prompt="a", max_tokens=4, repetition_penalty=1.5, stop=["b"]).to_parameters()
    assert (parameters.max_new_tokens, parameters.repetition_penalty, parameters.stop) == (4, 1.5, ("b",))


def test_an_invocation_is_what_it_has_the_field_of():
    assert isinstance(decode_invocation(b'{"inputs": "a", "prompt": "b"}'), CompatGenerateRequest)
    assert isinstance(decode_invocation(b'{"messages": [], "prompt": "b"}'), ChatRequest)
    assert isinstance(decode_invocation(b'{"prompt": "b"}'), CompletionRequest)
    with pytest.raises(RequestRejectedError, match="it needs `inputs`, `messages` or `prompt`") as refusal:
        decode_invocation(b"{}")
    assert refusal.value.status == 422


async def test_one_prompt_that_fails_ends_a_plain_request(http: aiohttp.ClientSession):
    status, error = await refusal(http, PATH, body(PROMPT, ""))
    assert (status, error["error_type"]) == (422, "validation")
    assert error["error"] == "Input validation error: `inputs` cannot be empty"


async def test_one_prompt_that_fails_leaves_the_others_their_stream(http: aiohttp.ClientSession):
    *received, done = await events(http, PATH, body(PROMPT, "", "1, 2, 3,", stream=True))
    assert done == DONE
    (error,) = [event["error"] for event in received if "error" in event]
    assert error == {"message": "Input validation error: `inputs` cannot be empty", "http_status_code": 422}
    indexes = [event["choices"][0]["index"] for event in received if "choices" in event]
    assert (indexes.count(0), indexes.count(1), indexes.count(2)) == (4, 0, 4)


async def test_every_prompt_takes_a_permit(limited_http: aiohttp.ClientSession):
    status, error = await refusal(limited_http, PATH, body(PROMPT, PROMPT, PROMPT))
    assert (status, error["error_type"]) == (429, "overloaded")
    # And gives it back.
    *received, done = await events(limited_http, PATH, body(PROMPT, PROMPT, PROMPT, stream=True))
    assert done == DONE
    (error,) = [event["error"] for event in received if "error" in event]
    assert error == {"message": "Model is overloaded", "http_status_code": 422}
    assert [event["usage"]["completion_tokens"] for event in received if event.get("usage")] == [4, 4]


async def test_leaving_a_stream_of_several_ends_them_all(limited_http: aiohttp.ClientSession):
    async with limited_http.post(PATH, json=body(PROMPT, PROMPT, max_tokens=900, stream=True)) as response:
        await anext(frames(response))
        status, _ = await refusal(limited_http, PATH, body(PROMPT))
        assert status == 429
        response.close()
    deadline = time.monotonic() + SOON_SECONDS
    while True:
        async with limited_http.post(PATH, json=body(PROMPT, PROMPT)) as response:
            if response.status == 200:
                break
        # Far less than 900 tokens would take.
        assert time.monotonic() < deadline


async def test_special_tokens_have_no_text_in_a_stream(http: aiohttp.ClientSession):
    prompt = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello! Goodbye."
    *received, done = await events(http, PATH, body(prompt, max_tokens=200, stream=True))
    assert done == DONE
    assert received[-1]["choices"][0]["finish_reason"] == "eos_token"
    text = "".join(event["choices"][0]["text"] for event in received)
    whole = await answer(http, PATH, body(prompt, max_tokens=200))
    assert whole["choices"][0] == {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
