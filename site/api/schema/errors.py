"""Errors in the description: one response component for each status and set of codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent

from api.codes import CODES, OF_ALL, OF_BODY, OF_CHANGE, OF_PATH, OF_TOKEN
from api.errors import body
from api.openai.errors import error_body
from api.schema.headers import LIMITS, header


@dataclass(frozen=True)
class Shape:
    """How errors look: `example` makes one of status, code, text and fields; `code_at` is the way to the code."""

    name: str
    media_type: str
    schema: dict[str, Any]
    example: Callable[[int, str, str, Any], dict[str, Any]]
    code_at: tuple[str, ...] = ("code",)


PROBLEM = Shape(
    "Problem",
    "application/problem+json",
    {
        "type": "object",
        "description": "An error (RFC 9457). `code` is stable; `detail` says what to do, and its words may change.",
        "required": ["title", "status", "code", "detail", "retryable"],
        "properties": {
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string"},
            "detail": {"type": "string"},
            "retryable": {
                "type": "boolean",
                "description": "Whether the same request may succeed later; after `Retry-After`, where that is said.",
            },
            "errors": {
                "type": "object",
                "description": "Messages by the name of the field.",
                "additionalProperties": True,
            },
        },
    },
    body,
)
OPENAI = Shape(
    "OpenAIError",
    "application/json",
    {
        "type": "object",
        "description": "An error in OpenAI's shape. `code` is stable; `message` says what to do.",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "param", "code"],
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "param": {"type": ["string", "null"], "description": "The field that it is about."},
                    "code": {"type": "string"},
                },
            }
        },
    },
    lambda status, code, detail, _: error_body(status, code, detail),
    ("error", "code"),
)


@dataclass(frozen=True)
class Errors:
    """The codes of one status, until the operation is put together."""

    codes: frozenset[str]


def errors(*codes: str) -> dict[Any, Any]:
    """For `responses` of `extend_schema`: the errors with these codes, each under its status."""
    return {status: Errors(frozenset(of_one)) for status, of_one in by_status(codes).items()}


def by_status(codes: Iterable[str]) -> dict[int, set[str]]:
    found = defaultdict[int, set[str]](set)
    for code in codes:
        found[CODES[code].status].add(code)
    return dict(found)


def response(registry: ComponentRegistry, status: int, codes: set[str], shape: Shape = PROBLEM) -> dict[str, Any]:
    """A reference to the response component for this status with one of these codes."""
    error = ResolvedComponent(shape.name, ResolvedComponent.SCHEMA, schema=shape.schema, object=Errors)
    registry.register_on_missing(error)
    component = ResolvedComponent(
        _name(status, codes) if shape is PROBLEM else f"{shape.name}{_name(status, codes)}",
        ResolvedComponent.RESPONSE,
        schema=_response(shape, error, status, sorted(codes)),
        object=Errors,
    )
    registry.register_on_missing(component)
    return component.ref


def _name(status: int, codes: set[str]) -> str:
    """The status's own name; and what the codes are, where they are not just the usual ones."""
    usual = by_status([*OF_ALL, *OF_BODY, *OF_PATH, *OF_TOKEN, *OF_CHANGE]).get(status, set())
    named = f"Or{_joined(codes - usual)}" if usual <= codes else _joined(codes)
    return _camel(HTTPStatus(status).name) + (named if codes != usual else "")


def _joined(codes: set[str]) -> str:
    return "Or".join(_camel(code) for code in sorted(codes))


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


def _response(shape: Shape, error: ResolvedComponent, status: int, codes: list[str]) -> dict[str, Any]:
    values = {code: _example(shape, code) for code in codes}
    content = {
        "schema": {"allOf": [error.ref, _one_of(shape, list(values.values()))]},
        "examples": {code: {"value": value} for code, value in values.items()},
    }
    found: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": {shape.media_type: content}}
    if headers := _headers(status):
        found["headers"] = headers
    return found


def _one_of(shape: Shape, values: list[Any]) -> dict[str, Any]:
    """The schema of what has one of the codes that these have."""
    for name in shape.code_at:
        values = [value[name] for value in values]
    schema: dict[str, Any] = {"enum": sorted(set(values))}
    for name in reversed(shape.code_at):
        schema = {"type": "object", "properties": {name: schema}}
    return schema


def _example(shape: Shape, code: str) -> dict[str, Any]:
    row = CODES[code]
    return shape.example(row.status, code, row.detail, row.fields)


def _headers(status: int) -> dict[str, Any]:
    if status == 401:
        return {"WWW-Authenticate": header("How to authenticate.", "string", required=False)}
    if status not in {429, 503}:
        return {}
    retry_after = header("Seconds until it is worth another try.", "integer", required=status == 429)
    return {"Retry-After": retry_after, **(LIMITS if status == 429 else {})}
