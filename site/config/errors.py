"""Pages for errors: each says what happened and what to do next. The API's errors are JSON."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, replace

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from api.codes import CODES
from api.errors import problem
from api.openai.errors import openai_error

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What the reader is told. `code` is for programs."""

    status: int
    code: str
    title: str | Promise
    advice: str | Promise


BAD_REQUEST = ErrorPage(
    400, "bad_request", _("This request cannot be read"), _("Go back, reload the page and try again.")
)
UNKNOWN_HOST = ErrorPage(
    400,
    "unknown_host",
    _("This server does not answer to that name"),
    _("If you run it, add the name to ALLOWED_HOSTS and start it again."),
)
FORBIDDEN = ErrorPage(403, "forbidden", _("You may not do this"), _("Log in with an account that may, or go back."))
CSRF = ErrorPage(
    403,
    "csrf_failed",
    _("This form has expired"),
    _("Go back, reload the page and send it again. Cookies must be allowed."),
)
NOT_FOUND = ErrorPage(
    404, "not_found", _("There is nothing here"), _("It may have been deleted, or the address is not quite right.")
)
LENGTH_REQUIRED = ErrorPage(
    411, "length_required", _("This request does not say how long it is"), _("Send it with a Content-Length header.")
)
TOO_LARGE = ErrorPage(
    413, "too_large", _("This is too much at once"), _("Shorten it, or send it in parts: 3 MB are taken at a time.")
)
SERVER_ERROR = ErrorPage(
    500, "server_error", _("Something went wrong on our side"), _("Nothing you wrote is lost. Try again in a moment.")
)
DATABASE_AWAY = ErrorPage(
    503,
    "database_away",
    _("Parley is away for a moment"),
    _("The database cannot be reached. Try again in a few seconds."),
)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, UNKNOWN_HOST if isinstance(exception, DisallowedHost) else BAD_REQUEST)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, FORBIDDEN)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(request, CSRF)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, NOT_FOUND)


def length_required(request: HttpRequest) -> HttpResponse:
    return _answer(request, LENGTH_REQUIRED)


def too_large(request: HttpRequest) -> HttpResponse:
    return _answer(request, TOO_LARGE)


def file_too_large(request: HttpRequest) -> HttpResponse:
    advice = _("It may have %(megabytes)s MB at most. Export fewer chats at a time.")
    return _answer(request, replace(TOO_LARGE, advice=advice % {"megabytes": settings.IMPORT_MAX_BYTES // 1_000_000}))


def server_error(request: HttpRequest) -> HttpResponse:
    """The last resort. A database that is away is not a bug: it says 503, and when to come back."""
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        response = _answer(request, DATABASE_AWAY)
        response["Retry-After"] = str(RETRY_AFTER_S)
        return response
    return _answer(request, SERVER_ERROR)


def _for_programs(page: ErrorPage) -> str:
    """They have no page to reload. How much is too large depends on the route."""
    return f"{page.title}. {page.advice}" if page.code == TOO_LARGE.code else CODES[page.code].detail


def _answer(request: HttpRequest, page: ErrorPage) -> HttpResponse:
    if request.path.startswith("/v1/"):
        return openai_error(page.status, page.code, _for_programs(page))
    if request.path.startswith("/api/"):
        return problem(page.status, page.code, _for_programs(page))
    if request.headers.get("HX-Request") == "true":
        response = render(request, "_fragments/notice.html", {"error": page}, status=page.status)
        response["HX-Retarget"] = "#notice"
        response["HX-Reswap"] = "innerHTML"
        return response
    return render(request, "error.html", {"error": page}, status=page.status)
