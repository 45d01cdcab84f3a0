"""Body of a chat request: its shape, its rules, and the same as parameters of a generation."""

from typing import Any, Literal

import msgspec

from tgi.errors import ValidationError
from tgi.protocol.grammar import read_shape
from tgi.protocol.requests import U32, U64, GenerateParameters, check_u64

# OpenAI's JSON mode.
ANY_OBJECT: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": True}


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """A text among the parts of a message."""

    text: str


class ImagePart(msgspec.Struct, frozen=True, tag_field="type", tag="image_url"):
    """An image among the parts of a message."""

    image_url: dict[str, Any]


class CalledFunction(msgspec.Struct, frozen=True):
    """What an earlier turn called. ``arguments`` is JSON text in OpenAI's form, an object in TGI's."""

    name: str
    arguments: Any


class EarlierCall(msgspec.Struct, frozen=True):
    """A tool call of an earlier turn."""

    id: str
    function: CalledFunction
    type: str = "function"


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation. ``content`` is a text, or parts that are joined without a space."""

    role: str
    content: str | tuple[TextPart | ImagePart, ...] | None = None
    name: str | None = None
    tool_calls: tuple[EarlierCall, ...] | None = None
    tool_call_id: str | None = None

    def __post_init__(self) -> None:
        """Part of decoding."""
        if self.content is None and not self.tool_calls:
            raise ValueError("a message needs `content` or `tool_calls`")

    def flatten(self) -> dict[str, str]:
        """The message as templates take it: texts only. Raises ``ValidationError``.

        As in TGI, tool calls without a content are their JSON text.
        """
        flat = {"role": self.role, "content": self._text()}
        if self.name is not None:
            flat["name"] = self.name
        if self.tool_call_id is not None:
            flat["tool_call_id"] = self.tool_call_id
        return flat

    def _text(self) -> str:
        content = self.content
        if content is None:
            return msgspec.json.encode(self.tool_calls).decode()
        if isinstance(content, str):
            return content
        if any(isinstance(part, ImagePart) for part in content):
            raise ValidationError("images are not supported by this model")
        return "".join(part.text for part in content if not isinstance(part, ImagePart))


class StreamOptions(msgspec.Struct, frozen=True):
    """``include_usage`` adds a last chunk with the token counts."""

    include_usage: bool = False


class Function(msgspec.Struct, frozen=True):
    """What the model may call. The schema of its arguments is ``parameters``, or TGI's name ``arguments``."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    arguments: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Part of decoding."""
        if not isinstance(self.schema.get("properties", {}), dict) or not isinstance(
            self.schema.get("required", []), list
        ):
            raise TypeError("a function's `properties` must be an object, and `required` an array")

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the arguments; an empty one takes none."""
        return self.parameters or self.arguments or {}


class Tool(msgspec.Struct, frozen=True):
    """A function the model may call."""

    function: Function
    type: Literal["function"] = "function"


class FunctionName(msgspec.Struct, frozen=True):
    """A function, by name."""

    name: str


class NamedChoice(msgspec.Struct, frozen=True):
    """``tool_choice`` of one function."""

    function: FunctionName


class ResponseFormat(msgspec.Struct, frozen=True):
    """What the answer must match: TGI's ``{type, value}``, or OpenAI's, which has no ``value``."""

    type: Literal["text", "json", "json_object", "json_schema", "regex"]
    value: Any = None
    json_schema: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Part of decoding."""
        if self.type == "json" and self.value is None:
            raise ValueError("missing field `value`")
        if self.type == "json_schema" and self.value is None and self.json_schema is None:
            raise ValueError("missing field `value`, or `json_schema` in OpenAI's form")
        if (grammar := self.grammar()) is not None:
            read_shape(grammar)

    def grammar(self) -> dict[str, Any] | None:
        """The same as the ``grammar`` of ``/generate``; None for plain text."""
        match self.type:
            case "text":
                return None
            case "json_object" if self.value is None:
                return {"type": "json", "value": ANY_OBJECT}
            case "json_schema" if self.value is None:
                return {"type": "json_schema", "value": self.json_schema}
        return {"type": self.type, "value": self.value}


class ChatRequest(msgspec.Struct, frozen=True):
    """Body of ``/v1/chat/completions`` and ``/chat_tokenize``."""

    messages: tuple[Message, ...]
    model: str | None = None
    max_tokens: U32 | None = None
    max_completion_tokens: U32 | None = None
    stop: tuple[str, ...] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    seed: U64 | None = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: U32 | None = None
    n: U32 | None = None
    logit_bias: Any = None
    tools: tuple[Tool, ...] | None = None
    tool_choice: str | NamedChoice | None = None
    tool_prompt: str | None = None
    response_format: ResponseFormat | None = None

    def __post_init__(self) -> None:
        """Part of decoding."""
        check_u64(self.seed)

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with a chunk of token counts."""
        return self.stream_options is not None and self.stream_options.include_usage

    def check(self) -> None:
        """Refuse what this server would otherwise have to ignore."""
        if not self.messages:
            raise ValidationError("`messages` cannot be empty")
        if self.n not in (None, 1):
            raise ValidationError(f"`n` must be 1: one answer is made of a request. Given: {self.n}")
        if self.logit_bias:
            raise ValidationError("`logit_bias` is not supported by this server")

    def to_parameters(self, grammar: dict[str, Any] | None = None) -> GenerateParameters:
        """The same as ``/generate`` parameters: a temperature of 0 is greedy, anything else samples."""
        greedy = self.temperature == 0
        return GenerateParameters(
            temperature=None if greedy else self.temperature,
            # TGI's own reading of presence_penalty (-2..2 becomes 0..4).
            repetition_penalty=None if self.presence_penalty is None else self.presence_penalty + 2.0,
            frequency_penalty=self.frequency_penalty,
            top_p=self.top_p,
            do_sample=not greedy,
            max_new_tokens=self.max_completion_tokens if self.max_tokens is None else self.max_tokens,
            stop=self.stop or (),
            seed=self.seed,
            top_n_tokens=self.top_logprobs,
            grammar=grammar,
        )
