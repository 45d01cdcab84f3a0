"""OpenAPI's links: which operations go on from what another one answered. Tools follow them, and so do the tests."""

from __future__ import annotations

import re
from typing import Any

# Operation → the status of its answer, and what in it is the parameter of a path. `=` before a name: the parameter of
# that name which was sent.
SOURCES: dict[str, tuple[str, list[dict[str, str]]]] = {
    "chat": ("200", [{"session_id": "session_id"}, {"interaction_id": "interaction_id"}]),
    "sessions_create": ("201", [{"session_id": "id"}]),
    "import": ("200", [{"session_id": "session_ids/0"}]),
    "interactions_continue": ("202", [{"interaction_id": "id"}]),
    "interactions_edit": ("202", [{"interaction_id": "id"}]),
    "interactions_regenerate": ("202", [{"interaction_id": "id"}]),
    "interactions_stop": ("202", [{"interaction_id": "id"}]),
    "sessions_links_create": ("201", [{"session_id": "=session_id", "token": "token"}, {"token": "token"}]),
    "presets_create": ("201", [{"preset_id": "id"}]),
    "tokens_create": ("201", [{"token_id": "id"}]),
}


def add_links(result: dict[str, Any], **context: Any) -> dict[str, Any]:
    """A hook of drf-spectacular's, at the end: from each source to every operation with just these parameters."""
    operations = {
        one["operationId"]: (path, one) for path, methods in result["paths"].items() for one in methods.values()
    }
    for source, (status, given) in SOURCES.items():
        if source not in operations:
            continue
        links = {}
        for names in given:
            parameters = {name: _expression(at) for name, at in names.items()}
            for target, (path, _) in operations.items():
                if set(re.findall(r"{(\w+)}", path)) == names.keys():
                    links[target] = {"operationId": target, "parameters": parameters}
        operations[source][1]["responses"][status]["links"] = links
    return result


def _expression(at: str) -> str:
    return f"$request.path.{at[1:]}" if at.startswith("=") else f"$response.body#/{at}"
