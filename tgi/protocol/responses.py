"""Answer bodies and stream events."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tgi.engines.base import Alternative, PrefillToken

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


class SequenceDetails(msgspec.Struct, frozen=True, kw_only=True):
    """How one sequence of a plain generation went. ``seed`` is None where it was greedy.

    ``top_tokens`` has a list for each token, and is left out where they were not asked for.
    """

    finish_reason: FinishReason
    generated_tokens: int
    seed: int | None
    prefill: Iterable[PrefillToken]
    tokens: Iterable[TokenBody]
    top_tokens: Iterable[Iterable[Alternative]] | UnsetType = UNSET


class BestOfSequence(SequenceDetails, frozen=True, kw_only=True):
    """One that was not the best."""

    generated_text: str


class Details(SequenceDetails, frozen=True, kw_only=True):
    """How a plain generation went; for ``best_of`` over 1 the best sequence, and the others."""

    best_of_sequences: Iterable[BestOfSequence] | UnsetType = UNSET


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


class StreamResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One event of ``/generate_stream``; ``index`` counts from 1. ``top_tokens`` only where asked for."""

    index: int
    token: TokenBody
    top_tokens: Iterable[Alternative] | UnsetType = UNSET
    generated_text: str | None = None
    details: StreamDetails | None = None


def models_body(model_id: str) -> dict[str, Any]:
    """Answer of ``/v1/models``: the one model."""
    model = {"id": model_id, "object": "model", "created": 0, "owned_by": model_id}
    return {"object": "list", "data": [model]}
