"""What `/v1` takes: OpenAI's request bodies, as far as TGI can do what they ask for. The rest is refused by name."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from django.http import HttpRequest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from rest_framework.exceptions import ParseError, UnsupportedMediaType

from api.openai.errors import Refused

MOST_STOPS = 4  # TGI's
# OpenAI's. Each is looked at on the event loop, one by one.
MOST_MESSAGES, MOST_TOOLS = 2048, 128
MOST_PROMPTS = 128
MOST_LEVELS = 100
CODES = {
    "missing": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
    "unsupported": "unsupported_parameter",
}

Shape = TypeVar("Shape", bound=BaseModel)


class UnsupportedError(ValueError):
    """A value that OpenAI takes, and the model server does not."""


def _only(*values: Any, why: str) -> AfterValidator:
    """For a field that may be sent, as long as it changes nothing."""

    def check(value: Any) -> Any:
        if value is not None and value not in values:
            raise UnsupportedError(why)
        return value

    return AfterValidator(check)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _joined(value: Any) -> Any:
    """The text of a content of parts. Templates take text."""
    if not isinstance(value, list):
        return value
    return "".join(_text_of(part) for part in value)


def _text_of(part: Any) -> str:
    for kind in ("text", "refusal"):
        if isinstance(part, dict) and part.get("type") == kind and isinstance(part.get(kind), str):
            return str(part[kind])
    raise UnsupportedError('only parts of text are taken: {"type": "text", "text": "…"}')


def _is_object(value: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value.get("properties", {}), dict):
        raise ValueError("`properties` must be an object")  # noqa: TRY004 - pydantic's
    return value


# As the description has them. A text may not have a NUL, which `refuse_nul` looks for.
NO_NUL = r"^[^\u0000]*$"
TEXT = {"type": "string", "pattern": NO_NUL}
A_TEXT = {**TEXT, "minLength": 1}
PART = {
    "type": "object",
    "properties": {"type": {"type": "string", "const": "text"}, "text": TEXT},
    "required": ["type", "text"],
}
TEXT_OR_PARTS = {"anyOf": [TEXT, {"type": "array", "items": PART}, {"type": "null"}]}
STOPS = {"anyOf": [A_TEXT, {"type": "array", "items": A_TEXT, "maxItems": MOST_STOPS}, {"type": "null"}]}
PROMPTS = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1, "maxItems": MOST_PROMPTS}]}
EMPTY = {"anyOf": [{"type": "object", "maxProperties": 0}, {"type": "null"}]}
# A NUL inside one of these reaches nobody.
SCHEMAS = ("function.parameters", "json_schema.schema", "response_format.value", "grammar.value")

Text = Annotated[str, WithJsonSchema(TEXT)]


def _one_of(*values: Any) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [*({"const": value} for value in values), {"type": "null"}]})


class Part(BaseModel):
    @field_validator("*", mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        """JSON has one kind of number: 1.0 is whole, too."""
        return int(value) if isinstance(value, float) and value.is_integer() else value


class Lenient(Part):
    """A part of a request that clients send back as they got it, with fields that mean nothing here."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class Strict(Part):
    """A part in which a misspelt field is a mistake to hear of."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class CalledFunction(Lenient):
    name: Text
    arguments: Text = Field(description="JSON, as text.")


class ToolCall(Lenient):
    """A call that the assistant made in an earlier turn."""

    id: Text
    type: Literal["function"] = "function"
    function: CalledFunction


class Message(Lenient):
    """One message of the conversation. Fields that are not named here are ignored."""

    role: Literal["system", "developer", "user", "assistant", "tool"] = Field(
        description="`developer` is taken as `system`. A last message of the `assistant` is continued."
    )
    content: Annotated[str | None, BeforeValidator(_joined), WithJsonSchema(TEXT_OR_PARTS)] = Field(
        default=None, description="Text, or parts of text. Images and sound are refused."
    )
    name: Text | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Message:
        if self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise ValueError("a message needs `content`; one of the assistant may have `tool_calls` instead")
        return self

    def to_tgi(self) -> dict[str, Any]:
        """TGI's own shape: a message has a content or tool calls."""
        sent: dict[str, Any] = {"role": "system" if self.role == "developer" else self.role}
        for field in ("name", "tool_call_id"):
            if (value := getattr(self, field)) is not None:
                sent[field] = value
        if self.tool_calls and not self.content:
            return sent | {"tool_calls": [call.model_dump() for call in self.tool_calls]}
        return sent | {"content": self.content or ""}


class FunctionDefinition(Lenient):
    name: Annotated[str, WithJsonSchema({**A_TEXT, "maxLength": 200})] = Field(min_length=1, max_length=200)
    description: Text | None = None
    parameters: Annotated[dict[str, Any], AfterValidator(_is_object)] | None = Field(
        default=None, description="JSON schema of the arguments."
    )


class Tool(Lenient):
    """A function that the model may call."""

    type: Literal["function"]
    function: FunctionDefinition

    def to_tgi(self) -> dict[str, Any]:
        """TGI asks for the schema of the arguments also where there are none."""
        function = self.function.model_dump(exclude_none=True)
        return {"type": "function", "function": {"parameters": {"type": "object", "properties": {}}, **function}}


class FunctionName(Lenient):
    name: Text


class NamedTool(Lenient):
    type: Literal["function"] = "function"
    function: FunctionName


class JsonSchemaFormat(Lenient):
    name: Text | None = None
    json_schema: dict[str, Any] = Field(alias="schema")


FORMATS: list[JsonValue] = [
    {"properties": {"type": {"anyOf": [{"const": "text"}, {"const": "json_object"}]}}},
    {"properties": {"type": {"const": "json_schema"}, "json_schema": {"type": "object"}}, "required": ["json_schema"]},
    {
        "properties": {
            "type": {"anyOf": [{"const": "json"}, {"const": "regex"}]},
            "value": {"type": ["string", "object"]},
        },
        "required": ["value"],
    },
]


class ResponseFormat(Lenient):
    """OpenAI's `text`, `json_object` and `json_schema`, or TGI's own `json` and `regex` with a `value`."""

    model_config = ConfigDict(json_schema_extra={"anyOf": FORMATS})

    type: Literal["text", "json_object", "json_schema", "json", "regex"]
    json_schema: JsonSchemaFormat | None = None
    value: str | dict[str, Any] | None = Field(default=None, description="TGI's: the schema, or the expression.")

    @model_validator(mode="after")
    def _has_its_part(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError('`json_schema` is missing: {"name": "…", "schema": {…}}')
        if self.type in {"json", "regex"} and self.value is None:
            raise ValueError("`value` is missing")
        return self

    def to_tgi(self) -> dict[str, Any] | None:
        """None for text without a form."""
        if self.type == "text":
            return None
        if self.type == "json_object":
            return {"type": "json", "value": {"type": "object", "properties": {}, "additionalProperties": True}}
        if self.json_schema is not None:
            return {"type": "json", "value": self.json_schema.json_schema}
        return {"type": self.type, "value": self.value}


class StreamOptions(Lenient):
    include_usage: bool | None = Field(default=None, description="A last chunk has the token counts.")


NO_PENALTY = "TGI has no presence penalty; use `frequency_penalty`"
ONE_ANSWER = "one answer is made of a request; send it several times"
NO_BIAS = "TGI has no bias of single tokens; leave it out"


class Sampling(Strict):
    """What chat and plain completions have in common."""

    model: Text | None = Field(
        default=None, description="The id that GET /v1/models gives, or `tgi`. Without it the model that is served."
    )
    stream: bool | None = Field(default=None, description="Server-sent events, one chunk after the other.")
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1, lt=2**32)] | None = Field(
        default=None, description="Of the answer. Without it all that the model's window has room for."
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float | None, _only(0, why=NO_PENALTY), _one_of(0)] = Field(
        default=None, description="0 alone."
    )
    stop: Annotated[
        list[Annotated[str, Field(min_length=1)]] | None, BeforeValidator(_as_list), WithJsonSchema(STOPS)
    ] = Field(default=None, max_length=MOST_STOPS, description="Up to four texts; none of them is in the answer.")
    seed: Annotated[int, Field(ge=-(2**63), lt=2**64)] | None = None
    n: Annotated[int | None, _only(1, why=ONE_ANSWER), _one_of(1)] = Field(default=None, description="1 alone.")
    logit_bias: Annotated[dict[str, Any] | None, _only({}, why=NO_BIAS), WithJsonSchema(EMPTY)] = Field(
        default=None, description="Empty."
    )
    user: Text | None = Field(default=None, description="Without effect.")

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    def _sampling(self) -> dict[str, Any]:
        """The fields that TGI takes as they are. Those that are not set are not sent: its own defaults hold."""
        return {
            "model": "tgi",  # any other name is one of an adapter
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            # TGI refuses 1.0, which means the same as leaving it out.
            "top_p": None if self.top_p == 1 else self.top_p,
            "frequency_penalty": self.frequency_penalty,
            "stop": self.stop,
            # TGI's have no sign.
            "seed": None if self.seed is None else self.seed % 2**64,
        }


class ChatCompletionInput(Sampling):
    """The body of POST /v1/chat/completions."""

    messages: list[Message] = Field(min_length=1, max_length=MOST_MESSAGES)
    max_completion_tokens: Annotated[int, Field(ge=1, lt=2**32)] | None = Field(
        default=None, description="OpenAI's newer name of `max_tokens`; it counts where both are given."
    )
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=5)] | None = Field(default=None, description="With `logprobs` alone.")
    tools: Annotated[list[Tool], Field(max_length=MOST_TOOLS)] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = Field(default=None, description="Without effect: an answer has one call.")
    tool_prompt: Text | None = Field(default=None, description="TGI's own: what comes before the tools.")
    response_format: ResponseFormat | None = None
    modalities: Annotated[list[str] | None, _only(["text"], why="answers are text"), _one_of(["text"])] = None
    metadata: dict[str, str] | None = Field(
        default=None,
        description="`session_id`: store the exchange in this session of yours, or with `new` in a new one. "
        "Other keys are without effect.",
    )
    store: bool | None = Field(default=None, description="Without effect; see `metadata`.")
    service_tier: Text | None = Field(default=None, description="Without effect.")
    safety_identifier: Text | None = Field(default=None, description="Without effect.")
    prompt_cache_key: Text | None = Field(default=None, description="Without effect.")

    @field_validator("top_logprobs")
    @classmethod
    def _has_logprobs(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and not info.data.get("logprobs"):
            raise ValueError("needs `logprobs: true` beside it")
        return value

    @property
    def most_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    def to_tgi(self) -> bytes:
        """The body of TGI's own route. It is always streamed from there: so a model that hangs is noticed, and no token
        is made for a client that has left."""
        choice = self.tool_choice.model_dump() if isinstance(self.tool_choice, NamedTool) else self.tool_choice
        return _encoded(
            {
                **self._sampling(),
                "messages": [message.to_tgi() for message in self.messages],
                "max_tokens": self.most_tokens,
                "logprobs": self.logprobs,
                "top_logprobs": self.top_logprobs,
                "tools": [tool.to_tgi() for tool in self.tools] if self.tools else None,
                "tool_choice": choice if self.tools else None,
                "tool_prompt": self.tool_prompt,
                "response_format": self.response_format.to_tgi() if self.response_format else None,
                "stream_options": {"include_usage": True},
            }
        )


class CompletionInput(Sampling):
    """The body of POST /v1/completions."""

    prompt: Annotated[list[str], BeforeValidator(_as_list), WithJsonSchema(PROMPTS)] = Field(
        min_length=1,
        max_length=MOST_PROMPTS,
        description="A text or, as far as the model server allows, several (TGI: four).",
    )
    best_of: Annotated[int | None, _only(1, why=ONE_ANSWER), _one_of(1)] = Field(default=None, description="1 alone.")
    echo: Annotated[bool | None, _only(False, why="TGI does not repeat the prompt"), _one_of(False)] = None
    logprobs: Annotated[
        int | None, _only(why="TGI gives none here; POST /api/generate/ with `details` does"), _one_of()
    ] = None
    suffix: Annotated[str | None, _only(why="write it into the prompt, as the model wants it"), _one_of()] = None

    def to_tgi(self) -> bytes:
        """The body of TGI's own route; always streamed, see above."""
        return _encoded({**self._sampling(), "prompt": self.prompt[0] if len(self.prompt) == 1 else self.prompt})


def _encoded(body: dict[str, Any]) -> bytes:
    return msgspec.json.encode({name: value for name, value in body.items() if value is not None} | {"stream": True})


def read(request: HttpRequest, shape: type[Shape]) -> Shape:
    """The checked body.

    Raises:
        ParseError, UnsupportedMediaType: it is no JSON.
        Refused: something in it cannot be used; names it.
    """
    if request.content_type != "application/json":
        raise UnsupportedMediaType(request.content_type or "")
    try:
        given = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise ParseError("The body is not valid JSON.") from None
    if not isinstance(given, dict):
        raise Refused("Send a JSON object.", code="invalid_type")
    if is_deep(given):
        raise Refused(f"The body is nested more than {MOST_LEVELS} levels deep.")
    if b"\\u0000" in request.body:
        refuse_nul(given, "")
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        raise _refusal(error, shape) from None


def is_deep(given: dict[str, Any]) -> bool:
    """Whether something is nested deeper than what reads and writes it can follow."""
    level: list[Any] = [given]
    for _ in range(MOST_LEVELS):
        level = [
            item
            for value in level
            for item in (value.values() if isinstance(value, dict) else value)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True


def refuse_nul(value: Any, param: str) -> None:
    """Postgres keeps no NUL, and no model was taught one.

    Args:
        param: where the value is.

    Raises:
        Refused: there is one; names where.
    """
    if isinstance(value, str) and "\x00" in value:
        raise Refused(f"`{param}` has a NUL character. Take it out.", param=param or None)
    if isinstance(value, dict):
        for name, item in value.items():
            at = f"{param}.{name}" if param else name
            if not (isinstance(item, dict) and at.endswith(SCHEMAS)):
                refuse_nul(item, at)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            refuse_nul(item, f"{param}[{index}]")


def _refusal(error: ValidationError, shape: type[BaseModel]) -> Refused:
    """The first of what is wrong, in one sentence."""
    first = error.errors(include_url=False)[0]
    param = _param(first["loc"])
    if first["type"] == "missing":
        return Refused(f"`{param}` is missing.", param=param, code=CODES["missing"])
    if first["type"] == "extra_forbidden":
        return Refused(f"`{param}` is not known here. Leave it out.", param=param, code=CODES["extra_forbidden"])
    cause = first.get("ctx", {}).get("error")
    code = CODES["unsupported"] if isinstance(cause, UnsupportedError) else _code(first["type"])
    says = first["msg"].removeprefix("Value error, ").replace("Input should", "should")
    return Refused(f"`{param}`: {says}." if param else f"{says}.", param=param or None, code=code)


def _code(type_: str) -> str:
    return "invalid_type" if type_.endswith("_type") else "invalid_value"


def _param(location: tuple[int | str, ...]) -> str:
    """Where it is, as OpenAI writes it: `messages[0].role`. What pydantic adds for the parts of a union is left out."""
    param = ""
    for part in location:
        if isinstance(part, int):
            param += f"[{part}]"
        elif part.isidentifier() and part.islower() and part != "str":
            param += f".{part}" if param else part
    return param
