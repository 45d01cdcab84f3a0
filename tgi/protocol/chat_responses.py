"""Answers and stream events of a chat."""

from collections.abc import Iterable

import msgspec

from tgi.engines.base import Token
from tgi.protocol.responses import SYSTEM_FINGERPRINT, FinishReason


class Usage(msgspec.Struct, frozen=True):
    """Token counts of a completion."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, prompt_tokens: int, completion_tokens: int) -> "Usage":
        """Both counts, and their sum."""
        return cls(prompt_tokens, completion_tokens, prompt_tokens + completion_tokens)


class TopLogprob(msgspec.Struct, frozen=True):
    """One of the most likely tokens of a step."""

    token: str
    logprob: float


class Logprob(msgspec.Struct, frozen=True):
    """A token of the answer; its ``logprob`` is None where the engine cannot tell."""

    token: str
    logprob: float | None
    top_logprobs: tuple[TopLogprob, ...]


class Logprobs(msgspec.Struct, frozen=True):
    """Every token of an answer, or the one of a chunk."""

    content: tuple[Logprob, ...]

    @classmethod
    def of(cls, tokens: Iterable[Token]) -> "Logprobs":
        """The tokens with their alternatives, special ones included."""
        return cls(tuple(Logprob(token.text, token.logprob, _top(token)) for token in tokens))


def _top(token: Token) -> tuple[TopLogprob, ...]:
    return tuple(TopLogprob(alternative.text, alternative.logprob) for alternative in token.top)


class TextMessage(msgspec.Struct, frozen=True):
    """A message, or a piece of one, by the assistant."""

    content: str
    role: str = "assistant"


class FunctionCall(msgspec.Struct, frozen=True):
    """The function to call; ``arguments`` is JSON text."""

    name: str
    arguments: str
    description: str | None = None


class ToolCall(msgspec.Struct, frozen=True):
    """A call the caller is asked to make."""

    id: str
    function: FunctionCall
    type: str = "function"


class ToolCallMessage(msgspec.Struct, frozen=True):
    """A message that is a tool call, and has no content."""

    tool_calls: tuple[ToolCall, ...]
    role: str = "assistant"


class FunctionDelta(msgspec.Struct, frozen=True):
    """A piece of a call: the name comes first, then more and more of the arguments' text."""

    name: str | None
    arguments: str


class CallDelta(msgspec.Struct, frozen=True):
    """A piece of the one tool call of an answer."""

    id: str
    function: FunctionDelta
    index: int = 0
    type: str = "function"


class ToolCallDelta(msgspec.Struct, frozen=True):
    """A piece of a message that is a tool call."""

    tool_calls: tuple[CallDelta, ...]
    role: str = "assistant"


class ChunkChoice(msgspec.Struct, frozen=True):
    """The one choice of a chunk."""

    delta: TextMessage | ToolCallDelta
    finish_reason: str | None
    logprobs: Logprobs | None = None
    index: int = 0


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

    message: TextMessage | ToolCallMessage
    finish_reason: str
    logprobs: Logprobs | None = None
    index: int = 0


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
