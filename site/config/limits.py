"""How large a request may be, and from whom a file. Django stores a whole body before any of its own limits applies and
before a view looks who asks, so this looks first."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, HttpResponseBase

from api.asynchronous import refuse_stranger
from config import errors

# Where files are taken: from pages, and from programs.
API_IMPORT_PATH = "/api/import/"
IMPORT_PATHS = {"/chat/import/", API_IMPORT_PATH}
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
    """The answer to a program that sends a file without a good token; None for all others."""
    if scope["path"] != API_IMPORT_PATH or scope["method"] != "POST":
        return None
    return await refuse_stranger(_without_body(scope))


def _limit(scope: Mapping[str, Any]) -> int:
    """Two routes take files, with a form around them."""
    if scope["path"] in IMPORT_PATHS:
        return int(settings.IMPORT_MAX_BYTES) + FORM_BYTES
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _without_body(scope: Mapping[str, Any]) -> ASGIRequest:
    return ASGIRequest(scope, BytesIO())
