"""Answer bodies and stream events, fields in TGI's order."""

from typing import Any, Literal

import msgspec

FinishReason = Literal["length", "eos_token", "stop_sequence"]

# The protocol version this server speaks; clients read it from /info.
VERSION = "3.3.7"
SYSTEM_FINGERPRINT = f"{VERSION}-native"


class TokenBody(msgspec.Struct, frozen=True):
    """A token on the wire."""

    id: int
    text: str
    logprob: float | None
    special: bool


class Details(msgspec.Struct, frozen=True):
    """How a plain generation went. ``seed`` is None where it was greedy."""

    finish_reason: FinishReason
    generated_tokens: int
    seed: int | None
    prefill: tuple[()]
    tokens: list[TokenBody]


class GenerateResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answer of ``/generate``; ``details`` is left out where it was not asked for."""

    generated_text: str
    details: Details | None = None


class StreamDetails(msgspec.Struct, frozen=True):
    """How a streamed generation went, in its last event."""

    finish_reason: FinishReason
    generated_tokens: int
    seed: int | None
    input_length: int


class StreamResponse(msgspec.Struct, frozen=True):
    """One event of ``/generate_stream``; ``index`` counts from 1."""

    index: int
    token: TokenBody
    generated_text: str | None
    details: StreamDetails | None


class Usage(msgspec.Struct, frozen=True):
    """Token counts of a chat completion."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TextMessage(msgspec.Struct, frozen=True):
    """A message, or a piece of one, by the assistant."""

    content: str
    role: str = "assistant"


class ChunkChoice(msgspec.Struct, frozen=True):
    """The one choice of a chunk."""

    delta: TextMessage
    finish_reason: str | None
    index: int = 0
    logprobs: None = None


class ChatChunk(msgspec.Struct, frozen=True):
    """One event of a streamed chat completion; the usage chunk has no choice."""

    created: int
    model: str
    choices: tuple[ChunkChoice, ...]
    usage: Usage | None = None
    object: str = "chat.completion.chunk"
    id: str = ""
    system_fingerprint: str = SYSTEM_FINGERPRINT


class ChatChoice(msgspec.Struct, frozen=True):
    """The one choice of a chat completion."""

    message: TextMessage
    finish_reason: str
    index: int = 0
    logprobs: None = None


class ChatCompletion(msgspec.Struct, frozen=True):
    """A whole chat completion."""

    created: int
    model: str
    choices: tuple[ChatChoice, ...]
    usage: Usage
    object: str = "chat.completion"
    id: str = ""
    system_fingerprint: str = SYSTEM_FINGERPRINT


def openai_finish_reason(reason: FinishReason) -> str:
    """The chat name of a finish reason: the end of the model's turn is "stop"."""
    return "stop" if reason == "eos_token" else reason


def models_body(model_id: str) -> dict[str, Any]:
    """Answer of ``/v1/models``: the one model."""
    model = {"id": model_id, "object": "model", "created": 0, "owned_by": model_id}
    return {"object": "list", "data": [model]}
