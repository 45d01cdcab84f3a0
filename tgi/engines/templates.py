"""How tools get into a prompt, the same way for every engine. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec


def with_tools(
    messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]], tool_prompt: str, *, template_lists_tools: bool
) -> list[dict[str, Any]]:
    """The messages, the last one followed by ``tool_prompt``; before it the tools where the template has no place
    for them."""
    listing = "" if template_lists_tools else msgspec.json.encode(tools).decode() + "\n"
    *earlier, last = messages
    return [*earlier, {**last, "content": f"{last['content']}\n---\n{listing}{tool_prompt}"}]
