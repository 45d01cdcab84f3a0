"""The shapes of the Messages API that Parley sends and reads, and a pure parser of its event stream.

The token path is the hottest code there is, so it decodes straight into msgspec structs: one token costs about
2 µs, where building huggingface_hub's dataclasses costs about 50 µs (`bench/parsers.py` prints both).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypedDict

import msgspec

from inference.errors import GenerationFailed, InferenceError, from_message


class Message(TypedDict):
    """One message of a conversation, as the Messages API takes it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat completion to stream. A trailing assistant message is continued.

    Fields left None are not sent: the server's own defaults hold.
    """

    messages: list[Message]
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    stop: list[str] | None = None
    seed: int | None = None

    def body(self) -> bytes:
        """The JSON body."""
        optional = {
            name: value
            for name in ("max_tokens", "temperature", "top_p", "frequency_penalty", "stop", "seed")
            if (value := getattr(self, name)) is not None
        }
        return msgspec.json.encode(
            {
                "model": "tgi",
                "messages": self.messages,
                "stream": True,
                "stream_options": {"include_usage": True},
                **optional,
            }
        )


class Delta(msgspec.Struct):
    content: str | None = None


class Choice(msgspec.Struct):
    delta: Delta
    finish_reason: str | None = None


class Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class StreamError(msgspec.Struct):
    message: str = ""


class Chunk(msgspec.Struct):
    """One event of a chat stream; unknown fields are skipped without being built."""

    choices: list[Choice] = []
    usage: Usage | None = None
    error: StreamError | str | None = None


class ModelInfo(msgspec.Struct):
    """What `/info` says of the model; None where the server has no such route or number."""

    model_id: str = ""
    max_input_tokens: int | None = None
    max_total_tokens: int | None = None


_decode = msgspec.json.Decoder(Chunk).decode


class EventReader:
    """Bytes in, chunks out. Splits on line feeds only: other separators are text inside JSON."""

    def __init__(self) -> None:
        self._rest = b""
        self.done = False

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """The chunks that `data` completes.

        Raises:
            InferenceError: the server reported an error inside the stream, or sent no JSON.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            payload = line[5:].strip()
            if payload == b"[DONE]":
                self.done = True
            else:
                yield _chunk(payload)


def _chunk(payload: bytes) -> Chunk:
    try:
        chunk = _decode(payload)
    except msgspec.DecodeError as error:
        raise GenerationFailed(f"not a chat completion chunk: {payload[:200]!r}") from error
    if chunk.error is not None:
        raise _stream_error(chunk.error)
    return chunk


def _stream_error(error: StreamError | str) -> InferenceError:
    return from_message(error if isinstance(error, str) else error.message)
