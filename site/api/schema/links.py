"""OpenAPI's links: which operation goes on from what another one answered. Tools follow them, and so do our tests."""

from __future__ import annotations

from typing import Any

# Operation and status → where its answer's ids lead.
SESSION_BY_ID = ("session_id", ("sessions_retrieve", "sessions_partial_update", "sessions_destroy"))


def add_links(result: dict[str, Any], **context: Any) -> dict[str, Any]:
    """A hook of drf-spectacular's, at the end."""
    return result
