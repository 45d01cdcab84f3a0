"""Addresses at which things go wrong, for tests of the error pages."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from config.urls import handler400, handler403, handler404, handler500
from config.urls import urlpatterns as of_the_site

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

ERRORS: dict[str, Exception] = {
    "bug": ValueError("secret detail"),
    "database": OperationalError("secret detail"),
    "connection": InterfaceError("secret detail"),
    "forbidden": PermissionDenied("secret detail"),
    "suspicious": SuspiciousOperation("secret detail"),
}


def _raising(prefix: str, name: str, error: Exception) -> list[URLPattern]:
    def fail(request: HttpRequest) -> HttpResponse:
        raise error

    async def fail_async(request: HttpRequest) -> HttpResponse:
        raise error

    return [path(f"{prefix}{name}/", fail), path(f"{prefix}async/{name}/", fail_async)]


urlpatterns = [
    *of_the_site,
    *(one for prefix in ("fail/", "api/fail/") for item in ERRORS.items() for one in _raising(prefix, *item)),
]
