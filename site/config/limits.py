"""How large a request may be, and from whom a file. Django stores a whole body before any of its own limits applies and
before a view looks who asks, so this looks first."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any, cast

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, HttpResponseBase
from django.utils import translation
from django_htmx.middleware import HtmxDetails

from accounts.sessions import SessionStore, user_of
from api.asynchronous import refuse_stranger
from chat.database import in_thread
from chat.requests import HtmxRequest, log_in_first
from config import errors

# Where files are taken: from pages, and from programs.
PAGE_IMPORT_PATH = "/chat/import/"
API_IMPORT_PATH = "/api/import/"
IMPORT_PATHS = {PAGE_IMPORT_PATH, API_IMPORT_PATH}
FORM_BYTES = 10_000


def refuse_body(scope: Mapping[str, Any]) -> HttpResponse | None:
    """The answer to a request whose body is too long, or does not say how long it is; None for all others."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return errors.length_required(_without_body(scope))
    if int(headers.get(b"content-length", 0)) <= _limit(scope):
        return None
    refuse = errors.file_too_large if scope["path"] in IMPORT_PATHS else errors.too_large
    return refuse(_without_body(scope))


async def refuse_file(scope: Mapping[str, Any]) -> HttpResponseBase | None:
    """The answer to a program that sends a file without a good token, or a visitor without a log-in; None for all
    others."""
    if scope["method"] != "POST" or scope["path"] not in IMPORT_PATHS:
        return None
    request = _without_body(scope)
    return await (refuse_stranger if request.path == API_IMPORT_PATH else _refuse_visitor)(request)


async def _refuse_visitor(request: ASGIRequest) -> HttpResponseBase | None:
    """While the database is away it is for the view to say so."""
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    try:
        user = await in_thread(user_of, request)
    except (OperationalError, InterfaceError):
        return None
    if user.is_authenticated:
        return None
    asking = cast("HtmxRequest", request)
    asking.htmx = HtmxDetails(request)
    with translation.override(translation.get_language_from_request(request)):
        return log_in_first(asking)


def _limit(scope: Mapping[str, Any]) -> int:
    """Two routes take files, with a form around them."""
    if scope["path"] in IMPORT_PATHS:
        return int(settings.IMPORT_MAX_BYTES) + FORM_BYTES
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _without_body(scope: Mapping[str, Any]) -> ASGIRequest:
    return ASGIRequest(scope, BytesIO())
