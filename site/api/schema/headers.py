"""Headers that several operations have."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

HEADER: Literal["header"] = "header"

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": 200},
    HEADER,
    description="Any text of yours. The same key asks once: sent again, it gives the same interaction.",
)
LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID",
    {"type": "string"},
    HEADER,
    description="The `id` of the last event that came, to go on after it. Without it the text begins at its start.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    {"type": "string"},
    HEADER,
    description="The `ETag` that you read. Who has changed it since is not overwritten: 412.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    {"type": "string"},
    HEADER,
    description="The `ETag` that you have. If it is still the same: 304, without a body.",
)
ETAG = OpenApiParameter(
    "ETag", {"type": "string"}, HEADER, response=[200, 201], description="Changes whenever the resource does."
)

# The answer with status 304.
UNCHANGED = OpenApiResponse(description="It is still what you have.")


def header(description: str, kind: str, *, required: bool = True) -> dict[str, Any]:
    """A header of a response, as OpenAPI has it."""
    return {"description": description, "required": required, "schema": {"type": kind}}


# Of whatever is counted. See `limits.headers`.
LIMITS = {
    "RateLimit-Policy": header(
        "What is counted, how many there may be (`q`) and in how many seconds (`w`).", "string", required=False
    ),
    "RateLimit": header(
        "How many are left (`r`), and for how many seconds that holds (`t`).", "string", required=False
    ),
}
