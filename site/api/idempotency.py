"""`Idempotency-Key`: sending the same question twice asks once."""

from __future__ import annotations

from django.http import HttpRequest
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

KEY_MAX_LENGTH = 200


def idempotency_key(request: HttpRequest | Request) -> str | None:
    """The key that the request carries; None: none.

    Raises:
        ValidationError
    """
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > KEY_MAX_LENGTH:
        raise ValidationError({"Idempotency-Key": [f"Use at most {KEY_MAX_LENGTH} characters."]})
    if "\0" in key:
        raise ValidationError({"Idempotency-Key": ["It contains a NUL character. Leave that out."]})
    return key or None
