"""Errors in the description: one response component for each status and set of codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent

from api.codes import CODES, OF_ALL, OF_BODY, OF_CHANGE, OF_PATH, OF_TOKEN
from api.errors import body
from api.schema.headers import header

PROBLEM_TYPE = "application/problem+json"
PROBLEM = {
    "type": "object",
    "description": "An error (RFC 9457). `code` is stable; `detail` says what to do and may change its words.",
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
}


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


def response(registry: ComponentRegistry, status: int, codes: set[str], family: str = "Problem") -> dict[str, Any]:
    """A reference to the response component for this status with one of these codes."""
    name = _name(status, codes) if family == "Problem" else f"{family}{_name(status, codes)}"
    problem = ResolvedComponent("Problem", ResolvedComponent.SCHEMA, schema=PROBLEM, object=Errors)
    registry.register_on_missing(problem)
    component = ResolvedComponent(
        name, ResolvedComponent.RESPONSE, schema=_response(problem, status, sorted(codes)), object=Errors
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


def _response(problem: ResolvedComponent, status: int, codes: list[str]) -> dict[str, Any]:
    names = {"type": "object", "properties": {"code": {"enum": codes}}}
    content = {
        "schema": {"allOf": [problem.ref, names]},
        "examples": {code: {"value": _example(code)} for code in codes},
    }
    found: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": {PROBLEM_TYPE: content}}
    if headers := _headers(status, codes):
        found["headers"] = headers
    return found


def _example(code: str) -> dict[str, Any]:
    row = CODES[code]
    return body(row.status, code, row.detail, row.fields)


def _headers(status: int, codes: list[str]) -> dict[str, Any]:
    if status == 401:
        return {"WWW-Authenticate": header("How to authenticate.", "string", required=False)}
    if status in {429, 503}:
        return {"Retry-After": header("Seconds until it is worth another try.", "integer", required=status == 429)}
    return {}
