"""What requests and responses look like, for the description of the API."""

from __future__ import annotations

import json
from typing import Any

MODEL_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
MODEL: dict[str, Any] = {"id": MODEL_ID, "object": "model", "created": 0, "owned_by": "parley"}

_HEAD = {"created": 1795512602, "model": MODEL_ID}
_USAGE = {"prompt_tokens": 38, "completion_tokens": 3, "total_tokens": 41}
_TEXT = "Hello there."

ASKED: dict[str, Any] = {
    "model": "tgi",
    "messages": [{"role": "user", "content": "Say hello."}],
    "max_tokens": 64,
    "temperature": 0.2,
}
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-36e89e4e0a714126b96e2c8d29104c8e",
    **_HEAD,
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": _TEXT, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": _USAGE,
}
PROMPTED: dict[str, Any] = {"model": "tgi", "prompt": "One, two,", "max_tokens": 3}
COMPLETED: dict[str, Any] = {
    "id": "cmpl-44a1adbaa6e94f8fb2c038495d09a48b",
    **_HEAD,
    "object": "text_completion",
    "choices": [{"index": 0, "text": " three, four", "logprobs": None, "finish_reason": "length"}],
    "usage": _USAGE,
}
PROMPT: dict[str, Any] = {"inputs": "One, two,", "parameters": {"max_new_tokens": 3, "details": True}}
GENERATED: dict[str, Any] = {
    "generated_text": " three,",
    "details": {
        "finish_reason": "length",
        "generated_tokens": 2,
        "seed": None,
        "prefill": [],
        "tokens": [
            {"id": 1296, "text": " three", "logprob": -0.04, "special": False},
            {"id": 28, "text": ",", "logprob": -0.01, "special": False},
        ],
    },
}


def _framed(*events: Any) -> str:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


def _chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {"id": ANSWER["id"], **_HEAD, "object": "chat.completion.chunk", "choices": [choice]}


def _piece(text: str, finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish_reason}
    return {"id": COMPLETED["id"], **_HEAD, "object": "text_completion", "choices": [choice]}


STREAM = _framed(
    _chunk({"role": "assistant", "content": "Hello"}), _chunk({"content": " there."}), _chunk({}, finish_reason="stop")
)
COMPLETION_STREAM = _framed(_piece(" three,"), _piece(" four"), _piece("", finish_reason="length"))
