"""Pure: conversations as ChatGPT exports them (`conversations.json`).

Each has a `mapping` of nodes by id, with `parent`, `children` and perhaps a `message`: its author's role, and `content`
with `parts`, texts or objects that stand for pictures and files.
"""

from __future__ import annotations

from typing import Any

from chat.models import TITLE_MAX_LENGTH
from chat.transfer.loose import at, items, text, when
from chat.transfer.tree import Message, Tree

# What is said to the other side; all other contents are a model's notes to itself, and what a program tells it.
SAID = {"text", "multimodal_text"}
ENDINGS: dict[str, dict[str, str]] = {
    "interrupted": {"status": "stopped"},
    "max_tokens": {"finish_reason": "length"},
}


def is_chat(entry: Any) -> bool:
    return isinstance(at(entry, "mapping"), dict)


def read(entry: Any) -> tuple[dict[str, Any], int]:
    """Fields of `chats.Chat`, and how many messages were left out."""
    messages = {key: _message(node) for key, node in entry["mapping"].items()}
    begun = when(at(entry, "create_time"))
    tree = Tree(messages, current=text(at(entry, "current_node")), begun=begun)
    return {
        "title": text(at(entry, "title"), TITLE_MAX_LENGTH),
        "system_prompt": tree.system_prompt,
        "archived": at(entry, "is_archived") is True,
        "created": begun,
        "updated": when(at(entry, "update_time")),
        "interactions": tree.interactions,
    }, tree.skipped


def _message(node: Any) -> Message:
    """A node without a message says nothing, and only ties others together."""
    message = at(node, "message")
    more: dict[str, Any] = {"model_id": text(at(message, "metadata", "model_slug"), 300)}
    more |= ENDINGS.get(text(at(message, "metadata", "finish_details", "type")), {})
    parent = at(node, "parent")
    return Message(
        parent=parent if isinstance(parent, str) else None,
        role=_role(message),
        text=_said(at(message, "content")),
        created=when(at(message, "create_time")),
        more=more,
    )


def _role(message: Any) -> Any:
    role = at(message, "author", "role")
    if at(message, "metadata", "is_visually_hidden_from_conversation") is True and role != "system":
        return "other"
    if text(at(message, "content", "content_type")) not in SAID or at(message, "recipient") not in (None, "all"):
        return "other"
    return role if role in ("user", "assistant", "system") else "other"


def _said(content: Any) -> str:
    parts = [part if isinstance(part, str) else _note(part) for part in items(at(content, "parts"))]
    return "\n\n".join(part for part in parts if part) or text(at(content, "text")) or text(at(content, "result"))


def _note(part: Any) -> str:
    """Files are not in the export's text: a note says that there was one. Speech comes with its text."""
    kind = text(at(part, "content_type"))
    if kind == "audio_transcription":
        return text(at(part, "text"))
    return f"[{kind.removesuffix('_asset_pointer').replace('_', ' ') or 'attachment'}]"
