"""Tools: as in TGI, a grammar makes the model write one call, ``{"function": {"_name": …, its arguments}}``.

Where it may also answer by itself (``tool_choice`` "auto"), one more function stands for that, without arguments;
when the model calls it, the request is generated again without tools.
"""

import json
import re
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from tgi.errors import ToolError
from tgi.protocol.chat import ChatRequest, Function, Message, NamedChoice
from tgi.protocol.chat_responses import FunctionCall, ToolCall

NO_TOOL = Function(name="no_tool", description="Answer in plain text, without any function")
DEFAULT_PROMPT = (
    'Answer with one call of a function listed here, as JSON of the form {"function": {"_name": the name of the '
    "function, and then its arguments by name}}. Write the values themselves, no variables."
)
COUNTED_ID = re.compile(r"[0-9]{1,18}")
# How such a text begins, up to the arguments.
CALL_START = re.compile(r'\s*\{\s*"function"\s*:\s*\{\s*"_name"\s*:\s*("(?:[^"\\]|\\.)*")\s*([,}])')


def offered(request: ChatRequest) -> tuple[Function, ...]:
    """The functions the answer must call one of; none where the answer is plain text. Raises ``ToolError``."""
    functions = tuple(tool.function for tool in request.tools or ())
    if functions and request.response_format is not None:
        raise ToolError("Grammar and tools are mutually exclusive")
    for function in functions:
        if function.name == NO_TOOL.name or "_name" in function.schema.get("properties", ()):
            raise ToolError("a function named `no_tool` and an argument named `_name` stand for something else here")
    match request.tool_choice:
        case "none":
            return ()
        case None | "auto":
            return (*functions, NO_TOOL) if functions else ()
        case "required":
            if not functions:
                raise ToolError("`tool_choice` is required, but there are no `tools`")
            return functions
        case NamedChoice(function=chosen):
            return (_find(functions, chosen.name),)
        case str(name):
            return (_find(functions, name),)


def _find(functions: Sequence[Function], name: str) -> Function:
    for function in functions:
        if function.name == name:
            return function
    raise ToolError(f"Tool with name {name} not found")


def listing(functions: Sequence[Function]) -> list[dict[str, Any]]:
    """The functions as a template lists them, in OpenAI's form."""
    return [{"type": "function", "function": _listed(function)} for function in functions]


def _listed(function: Function) -> dict[str, Any]:
    listed: dict[str, Any] = {"name": function.name}
    if function.description is not None:
        listed["description"] = function.description
    return {**listed, "parameters": function.schema or {"type": "object", "properties": {}}}


def grammar(functions: Sequence[Function]) -> dict[str, Any]:
    """The schema of a call to one of the functions, as the ``grammar`` of ``/generate``. Raises ``ToolError``."""
    roots = {f"function{index}": function for index, function in enumerate(functions)}
    try:
        schemas = {root: _schema(function, f"#/$functions/{root}") for root, function in roots.items()}
    except RecursionError:
        raise ToolError("a function's schema is nested too deeply") from None
    schema = {
        "$functions": schemas,
        "type": "object",
        "properties": {"function": {"anyOf": [{"$ref": f"#/$functions/{root}"} for root in roots]}},
        "required": ["function"],
        "additionalProperties": False,
    }
    return {"type": "json", "value": schema}


def _schema(function: Function, root: str) -> dict[str, Any]:
    """Schema of the name and the arguments, in this order. References within are moved to where it will stand."""
    given = function.schema
    definitions: dict[str, Any] = {name: given[name] for name in ("$defs", "definitions") if name in given}
    schema: dict[str, Any] = {
        **definitions,
        "type": "object",
        "properties": {"_name": {"type": "string", "const": function.name}, **given.get("properties", {})},
        "required": ["_name", *given.get("required", ())],
        "additionalProperties": given.get("additionalProperties") is True,
    }
    moved: dict[str, Any] = _move_references(schema, root)
    return moved


def _move_references(schema: Any, root: str) -> Any:
    if isinstance(schema, list):
        return [_move_references(item, root) for item in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {name: _move_references(value, root) for name, value in schema.items()}
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        moved["$ref"] = root + reference[1:]
    return moved


def next_call_id(messages: Sequence[Message]) -> str:
    """One more than the calls so far, counted from 0; random where their ids are not numbers."""
    ids = [call.id for message in messages for call in message.tool_calls or ()]
    if all(COUNTED_ID.fullmatch(call_id) for call_id in ids):
        return str(max(map(int, ids), default=-1) + 1)
    return str(uuid.uuid4())


def read_call(text: str, call_id: str) -> ToolCall | None:
    """The call in a whole text, None for ``no_tool``. Raises ``ToolError`` for a text that broke off."""
    try:
        arguments = json.loads(text)["function"]
        name = arguments.pop("_name")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ToolError(f"Failed to parse generated text: {error} {json.dumps(text)}") from None
    if name == NO_TOOL.name:
        return None
    return ToolCall(call_id, FunctionCall(name, msgspec.json.encode(arguments).decode()))


class CallReader:
    """Reads a call while it is written. ``name`` is None until it is complete."""

    def __init__(self) -> None:
        self.name: str | None = None
        self._start = ""
        self._depth = 0
        self._in_string = self._escaped = self._ended = False

    @property
    def is_no_tool(self) -> bool:
        """Whether the model wants to answer by itself."""
        return self.name == NO_TOOL.name

    def push(self, text: str) -> str:
        """What ``text`` adds to the arguments' JSON text."""
        if self.name is not None:
            return self._arguments(text)
        self._start += text
        match = CALL_START.match(self._start)
        if match is None:
            return ""
        self.name = json.loads(match[1])
        return self._arguments("{" + self._start[match.end() if match[2] == "," else match.start(2) :])

    def _arguments(self, text: str) -> str:
        """Up to the brace that closes them; what follows closes the call."""
        for index, character in enumerate(text):
            if self._ended:
                return text[:index]
            self._read(character)
        return text

    def _read(self, character: str) -> None:
        if self._escaped:
            self._escaped = False
        elif self._in_string:
            self._escaped = character == "\\"
            self._in_string = character != '"'
        elif character == '"':
            self._in_string = True
        elif character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
            self._ended = self._depth == 0
