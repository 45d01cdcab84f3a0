"""Errors of the API: `application/problem+json` (RFC 9457) with a stable `code`, whether a retry helps and, for
fields, `errors`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from accounts.tokens import TooManyTokens
from api.codes import CODES
from api.etags import PreconditionFailed
from chat.accepting import NothingToFollow
from chat.context import QueryTooLong
from chat.conversation import NotContinuable, NotFinished
from chat.leaving import LastAdministrator
from chat.sharing import NothingToShare, TooManyLinks
from chat.transfer.reading import NotAnExport
from inference.errors import InferenceError, Interrupted, Rejected
from limits.headers import headers_of_refusal
from limits.refusals import LimitReached

# Frameworks say of these what went wrong; the table says what to do.
SAID_BY_THE_TABLE = frozenset(
    {
        "not_authenticated",
        "authentication_failed",
        "bad_authorization_header",
        "token_not_valid",
        "user_not_found",
        "user_inactive",
        "no_active_account",
        "method_not_allowed",
        "unsupported_media_type",
    }
)

INFERENCE_RETRY_AFTER_S = 5

TOO_LONG = (
    "This message is too long for the model: it has {0.tokens} tokens, and {0.limit} fit. Shorten it, or send it in "
    "parts."
)
# What the domain refuses, by its code.
OF_THE_DOMAIN: dict[type[Exception], str] = {
    NotContinuable: "not_continuable",
    NotFinished: "not_finished",
    NothingToFollow: "nothing_to_follow",
    NothingToShare: "nothing_to_share",
    TooManyLinks: "too_many_links",
    TooManyTokens: "too_many_tokens",
    LastAdministrator: "last_administrator",
}


def body(status: int, code: str, detail: str, errors: Any = None) -> dict[str, Any]:
    """The JSON of an error. `errors`: messages by field name."""
    problem_body = {
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "retryable": code in CODES and CODES[code].retryable,
    }
    return problem_body if errors is None else {**problem_body, "errors": errors}


def problem(status: int, code: str, detail: str, errors: Any = None) -> HttpResponse:
    """The response of a plain Django view."""
    return JsonResponse(body(status, code, detail, errors), status=status, content_type="application/problem+json")


def headers_of(error: Exception) -> dict[str, str]:
    """What the response to this exception says beside its body."""
    if isinstance(error, InferenceError) and error.retryable:
        return {"Retry-After": str(INFERENCE_RETRY_AFTER_S)}
    if isinstance(error, PreconditionFailed):
        return {"ETag": error.etag}
    if isinstance(error, LimitReached):
        return headers_of_refusal(error)
    seconds = getattr(error, "retry_after_s", None)
    return {} if seconds is None else {"Retry-After": str(seconds)}


def of_exception(error: Exception) -> tuple[int, dict[str, Any]] | None:
    """Status and JSON for the exceptions that stand for an answer; None for all others, which are bugs."""
    if found := _of_the_domain(error):
        return found
    if isinstance(error, Http404):
        return 404, body(404, "not_found", CODES["not_found"].detail)
    return _of_framework(error) if isinstance(error, exceptions.APIException) else None


def _of_inference(error: InferenceError) -> tuple[int, dict[str, Any]]:
    """A refusal in the server's own words: it knows what it takes."""
    # Of an answer that is stored the same word says that it goes on.
    code = "broken_off" if isinstance(error, Interrupted) else error.code
    status = CODES[code].status
    return status, body(status, code, str(error) if isinstance(error, Rejected) else error.message)


def _of_framework(error: exceptions.APIException) -> tuple[int, dict[str, Any]]:
    if isinstance(error, exceptions.ValidationError):
        errors = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
        return 400, body(400, "invalid", "Some fields cannot be used; `errors` says why.", errors)
    code = _code(error)
    detail = CODES[code].detail if code in SAID_BY_THE_TABLE else _text(error)
    return error.status_code, body(error.status_code, code, detail)


def _of_the_domain(error: Exception) -> tuple[int, dict[str, Any]] | None:
    if isinstance(error, LimitReached):
        return 429, body(429, error.code, str(error))
    if isinstance(error, QueryTooLong):
        return 400, {**body(400, "too_long", TOO_LONG.format(error)), "tokens": error.tokens, "limit": error.limit}
    if isinstance(error, InferenceError):
        return _of_inference(error)
    if isinstance(error, NotAnExport):
        return 400, body(400, "not_an_export", str(error.reason))
    code = OF_THE_DOMAIN.get(type(error))
    return (CODES[code].status, body(CODES[code].status, code, CODES[code].detail)) if code else None


def _code(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    if isinstance(codes, dict):  # simplejwt: {"detail": …, "code": …, "messages": …}
        codes = codes.get("code") or codes.get("detail") or error.default_code
    return str(codes)


def _text(error: exceptions.APIException) -> str:
    detail = error.detail
    return str(detail.get("detail", detail)) if isinstance(detail, dict) else str(detail)


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler."""
    found = of_exception(error)
    if found is None:
        return None
    response = exception_handler(error, context) or Response()
    for name, value in headers_of(error).items():
        response[name] = value
    response.status_code, response.data = found
    response.content_type = "application/problem+json"
    return response
