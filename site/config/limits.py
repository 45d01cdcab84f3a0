"""How large a request may be. Django stores a whole body before any of its own limits applies, so this looks first."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse

from config import errors


def refuse_body(scope: Mapping[str, Any]) -> HttpResponse | None:
    """The answer to a request whose body is too long, or does not say how long it is; None for all others."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return errors.length_required(_without_body(scope))
    if int(headers.get(b"content-length", 0)) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return errors.too_large(_without_body(scope))
    return None


def _without_body(scope: Mapping[str, Any]) -> ASGIRequest:
    return ASGIRequest(scope, BytesIO())
