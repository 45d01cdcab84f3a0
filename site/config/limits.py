"""How large a request may be. Django stores a whole body before any of its own limits applies, so this looks first."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse

from config import errors

IMPORT_PATH = "/chat/import/"
FORM_BYTES = 10_000


def refuse_body(scope: Mapping[str, Any]) -> HttpResponse | None:
    """The answer to a request whose body is too long, or does not say how long it is; None for all others."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return errors.length_required(_without_body(scope))
    if int(headers.get(b"content-length", 0)) <= _limit(scope):
        return None
    refuse = errors.file_too_large if scope["path"] == IMPORT_PATH else errors.too_large
    return refuse(_without_body(scope))


def _limit(scope: Mapping[str, Any]) -> int:
    """One route takes files, with a form around them."""
    if scope["path"] == IMPORT_PATH:
        return int(settings.IMPORT_MAX_BYTES) + FORM_BYTES
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _without_body(scope: Mapping[str, Any]) -> ASGIRequest:
    return ASGIRequest(scope, BytesIO())
