"""Errors of `/v1` in OpenAI's shape, `{"error": {"message", "type", "param", "code"}}`: its clients make their
exceptions of the status, and show people the message."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpResponse, JsonResponse
from rest_framework.exceptions import APIException

# Where OpenAI has a code of its own for what happened, its clients may look for that one.
CODES = {
    "not_authenticated": "invalid_api_key",
    "token_not_valid": "invalid_api_key",
    "authentication_failed": "invalid_api_key",
    "throttled": "rate_limit_exceeded",
}
# TGI's words for a prompt that is too long for the model.
OF_LENGTH = re.compile(r"`inputs` (tokens \+|must have less than)")
TYPES = {403: "permission_error", 429: "rate_limit_error"}


class Refused(APIException):
    """The request cannot be used.

    Attributes:
        param: the field it is about, such as `messages[0].role`; None for the whole request.
    """

    status_code = 400
    default_code = "invalid_value"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code)
        self.param = param


class NotServed(Refused):
    """There is no such model, or no such session of this user."""

    status_code = 404
    default_code = "model_not_found"


def error_body(status: int, code: str, message: str, param: str | None = None) -> dict[str, Any]:
    """The JSON of an error: of a response, and of an event of a stream that broke off."""
    type_ = TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": type_, "param": param, "code": CODES.get(code, code)}}


def openai_error(status: int, code: str, message: str, param: str | None = None) -> HttpResponse:
    """The response of a plain Django view."""
    return JsonResponse(error_body(status, code, message, param), status=status)


def described(error: Exception, status: int, content: dict[str, Any]) -> dict[str, Any]:
    """The JSON for an exception, of what `api.errors` says about it."""
    code, message, param = content["code"], content["detail"], getattr(error, "param", None)
    if fields := content.get("errors"):
        param, says = next(iter(fields.items())) if isinstance(fields, dict) else (None, fields)
        code, message = "invalid_value", f"`{param}`: {says[0]}" if param else str(says[0])
    if code == "rejected" and OF_LENGTH.search(message):
        code, param = "context_length_exceeded", "messages"
    return error_body(status, code, message, param)


def render(error: Exception, status: int, content: dict[str, Any]) -> HttpResponse:
    """The response: for `api.asynchronous.api_view`."""
    return JsonResponse(described(error, status, content), status=status)
