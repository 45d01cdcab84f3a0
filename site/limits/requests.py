"""What limits want to know of a request."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from limits.addresses import client_address


def address_of(request: HttpRequest) -> str:
    """Who asks, as a key for counting; see `limits.addresses`."""
    peer = request.META.get("REMOTE_ADDR") or None
    return client_address(peer, request.META.get("HTTP_X_FORWARDED_FOR", ""), settings.ENV.trusted_proxies)
