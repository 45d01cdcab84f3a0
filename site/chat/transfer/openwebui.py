"""Pure: chats as Open WebUI exports them.

Each has a `chat` with `history`: `messages` by id, with `parentId`, `role` and `content`, and `currentId`. Older ones
have a plain list of `messages`. Times are in seconds, of some versions in thousandths or billionths.
"""

from __future__ import annotations

from typing import Any

from chat.models import COMMENT_MAX_LENGTH, TITLE_MAX_LENGTH
from chat.parameters import ParameterError, checked
from chat.transfer.loose import at, items, text, when
from chat.transfer.tree import Message, Tree

TAKEN = ("temperature", "top_p", "max_tokens", "frequency_penalty", "seed", "stop")


def is_chat(entry: Any) -> bool:
    chat = _chat(entry)
    return isinstance(at(chat, "history", "messages"), dict) or isinstance(at(chat, "messages"), list)


def read(entry: Any) -> tuple[dict[str, Any], int]:
    """Fields of `chats.Chat`, and how many messages were left out."""
    chat = _chat(entry)
    nodes = at(chat, "history", "messages")
    begun = when(at(entry, "created_at")) or when(at(chat, "timestamp"))
    if isinstance(nodes, dict) and nodes:
        messages = {key: _message(node, at(node, "parentId")) for key, node in nodes.items()}
        tree = Tree(messages, current=text(at(chat, "history", "currentId")), begun=begun)
    else:
        tree = Tree(_in_a_row(items(at(chat, "messages"))), begun=begun)
    return {
        "title": text(at(entry, "title") or at(chat, "title"), TITLE_MAX_LENGTH),
        "system_prompt": text(at(chat, "params", "system")) or text(at(chat, "system")) or tree.system_prompt,
        "parameters": _parameters(at(chat, "params")),
        "pinned": at(entry, "pinned") is True,
        "archived": at(entry, "archived") is True,
        "created": begun,
        "updated": when(at(entry, "updated_at")),
        "interactions": tree.interactions,
    }, tree.skipped


def _chat(entry: Any) -> Any:
    """Exported alone, a chat may stand without what is around it."""
    return at(entry, "chat") if isinstance(at(entry, "chat"), dict) else entry


def _in_a_row(messages: list[Any]) -> dict[str, Message]:
    return {str(place): _message(one, str(place - 1)) for place, one in enumerate(messages)}


def _message(node: Any, parent: Any) -> Message:
    role = at(node, "role")
    more: dict[str, Any] = {"model_id": text(at(node, "model"), 300)}
    if at(node, "annotation", "rating") in (1, -1):
        more["rating"] = int(node["annotation"]["rating"])
        more["rating_comment"] = text(at(node, "annotation", "comment"), COMMENT_MAX_LENGTH)
    return Message(
        parent=parent if isinstance(parent, str) else None,
        role=role if role in ("user", "assistant", "system") else "other",
        text=_said(node),
        created=when(at(node, "timestamp")),
        more=more,
    )


def _said(node: Any) -> str:
    content = at(node, "content")
    parts = [text(content) or text(at(part, "text")) for part in (items(content) or [None])]
    files = [text(at(file, "name"), 200) or text(at(file, "type"), 40) or "file" for file in items(at(node, "files"))]
    return "\n\n".join(part for part in (*parts, *(f"[{name}]" for name in files)) if part)


def _parameters(params: Any) -> dict[str, Any]:
    """Those that can be used here, each for itself."""
    taken: dict[str, Any] = {}
    for name in TAKEN:
        value = at(params, name)
        if value is None:
            continue
        try:
            taken |= checked({name: value})
        except ParameterError:
            continue
    return taken
