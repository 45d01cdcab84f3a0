from __future__ import annotations

from typing import Any

from rest_framework import serializers

from api.schema import example

LOG_IN = {
    "id": "3f9a61d0c2b84e57a1f06c9d7e2b4a85",
    "browser": "Firefox on Linux",
    "created": "2026-11-24T09:30:00.000000Z",
}


class BrowserOutput(serializers.Serializer[Any]):
    """A browser that is logged in. `created`: since when."""

    id = serializers.CharField()
    browser = serializers.CharField()
    created = serializers.DateTimeField(source="since")


@example(response={"results": [LOG_IN], "next": None, "previous": None})
class LogInsOutput(serializers.Serializer[Any]):
    """All log-ins; there is one page."""

    results = BrowserOutput(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
