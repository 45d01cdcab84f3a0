"""What `/v1` and `/api/generate/` give, for the description of the API: they are made by `chunks`, and by TGI."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FinishReason = Literal["stop", "length", "tool_calls"]


class Given(BaseModel):
    """A part of a response."""

    model_config = ConfigDict(extra="allow")


class ServedModel(Given):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ServedModels(Given):
    object: Literal["list"]
    data: list[ServedModel]


class TokenUsage(Given):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TokenAlternative(Given):
    token: str
    logprob: float | None
    bytes: None


class TokenLogprob(TokenAlternative):
    top_logprobs: list[TokenAlternative]


class Logprobs(Given):
    content: list[TokenLogprob]
    refusal: None


class StoredAt(Given):
    """Where a stored exchange is."""

    session_id: str
    interaction_id: str


class MadeFunctionCall(Given):
    name: str
    arguments: str = Field(description="JSON, as text.")


class MadeToolCall(Given):
    id: str
    type: Literal["function"]
    function: MadeFunctionCall


class AnswerMessage(Given):
    role: Literal["assistant"]
    content: str | None = Field(description="null beside a tool call.")
    refusal: None
    tool_calls: list[MadeToolCall] = Field(default=[], description="Left out where there are none.")


class ChatChoice(Given):
    index: int
    message: AnswerMessage
    logprobs: Logprobs | None
    finish_reason: FinishReason


class ChatCompletion(Given):
    """An answer."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: TokenUsage
    metadata: StoredAt | None = Field(default=None, description="Of an exchange that is stored.")


class FunctionDelta(Given):
    name: str | None = None
    arguments: str


class ToolCallDelta(Given):
    """`id`, `type` and the function's `name` are in the first piece of a call alone."""

    index: int
    id: str | None = None
    type: Literal["function"] | None = None
    function: FunctionDelta


class MessageDelta(Given):
    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[ToolCallDelta] = []


class ChatChunkChoice(Given):
    index: int
    delta: MessageDelta
    logprobs: Logprobs | None
    finish_reason: FinishReason | None


class ChatCompletionChunk(Given):
    """A piece of an answer."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChatChunkChoice] = Field(description="None in the last chunk with `include_usage`.")
    usage: TokenUsage | None = None
    metadata: StoredAt | None = None


class CompletionChoice(Given):
    index: int
    text: str
    logprobs: None
    finish_reason: FinishReason | None


class Completion(Given):
    """The text made of a prompt; in a stream, a piece of it."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: TokenUsage | None = None


class GeneratedToken(Given):
    id: int
    text: str
    logprob: float | None


class GenerationDetails(Given):
    finish_reason: Literal["length", "eos_token", "stop_sequence"]
    generated_tokens: int
    seed: int | None = None
    prefill: list[GeneratedToken] = []
    tokens: list[GeneratedToken] = []
    best_of_sequences: list[dict[str, Any]] | None = None
    top_tokens: list[list[GeneratedToken]] | None = None


class Generated(Given):
    """TGI's own answer."""

    generated_text: str
    details: GenerationDetails | None = Field(default=None, description="Where they were asked for.")
