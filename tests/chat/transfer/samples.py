"""Exports of other programs, in small: each with what is particular about it."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

BEGUN = 1_700_000_000


def node(key: str, parent: str | None, role: str = "user", text: str = "", **more: Any) -> dict[str, Any]:
    """A node of ChatGPT's mapping; `content`, `metadata`, `recipient` as they are there."""
    content = more.pop("content", {"content_type": "text", "parts": [text]})
    message = {"id": key, "author": {"role": role}, "content": content, "create_time": None, "metadata": {}, **more}
    return {"id": key, "parent": parent, "children": [], "message": message}


def chatgpt(**more: Any) -> dict[str, Any]:
    """A question asked twice, whose first answer was shown; a tool used on the way; a picture; hidden instructions."""
    nodes = [
        {"id": "root", "parent": None, "children": ["system"], "message": None},
        node("system", "root", "system", "", metadata={"is_visually_hidden_from_conversation": True}),
        node("about", "system", "user", "I am a gardener.", metadata={"is_visually_hidden_from_conversation": True}),
        node("q1", "about", "user", "How do apples grow?", create_time=BEGUN + 1.5),
        node("a1", "q1", "assistant", "On trees.", create_time=BEGUN + 2, metadata={"model_slug": "gpt-4o"}),
        node("a2", "q1", "assistant", "Slowly.", create_time=BEGUN + 9),
        node(
            "q2",
            "a1",
            "user",
            create_time=BEGUN + 3,
            content={
                "content_type": "multimodal_text",
                "parts": [{"content_type": "image_asset_pointer", "asset_pointer": "file://x"}, "What is this?"],
            },
        ),
        node("look", "q2", "assistant", content={"content_type": "code", "text": "look()"}, recipient="python"),
        node("seen", "look", "tool", content={"content_type": "execution_output", "text": "a pear"}),
        node("think", "seen", "assistant", content={"content_type": "thoughts", "thoughts": [{"content": "hm"}]}),
        node("a3", "think", "assistant", "I see.", create_time=BEGUN + 4),
        node(
            "a4",
            "a3",
            "assistant",
            "A pear.",
            create_time=BEGUN + 5,
            metadata={"finish_details": {"type": "interrupted"}},
        ),
    ]
    return {
        "title": "Apples",
        "create_time": BEGUN + 0.25,
        "update_time": BEGUN + 5,
        "mapping": {one["id"]: one for one in nodes},
        "current_node": "a4",
        "is_archived": False,
        **more,
    }


def openwebui(**more: Any) -> dict[str, Any]:
    """A tree with two answers of two models, one of them rated; a file; parameters of which some are known here."""
    messages = {
        "m1": {"id": "m1", "parentId": None, "role": "user", "content": "Pears?", "timestamp": BEGUN},
        "m2": {
            "id": "m2",
            "parentId": "m1",
            "role": "assistant",
            "content": "Yes.",
            "model": "llama3.2:3b",
            "timestamp": BEGUN + 1,
            "annotation": {"rating": 1, "comment": "Good."},
        },
        "m3": {"id": "m3", "parentId": "m1", "role": "assistant", "content": "No.", "timestamp": BEGUN + 2},
        "m4": {
            "id": "m4",
            "parentId": "m2",
            "role": "user",
            "content": [{"type": "text", "text": "And this?"}],
            "files": [{"type": "file", "name": "pear.pdf"}],
            "timestamp": (BEGUN + 3) * 1000,
        },
    }
    return {
        "id": "c1",
        "title": "Pears",
        "chat": {
            "title": "Pears",
            "models": ["llama3.2:3b"],
            "params": {"system": "Be brief.", "temperature": 0.5, "top_k": 40, "seed": -1},
            "history": {"messages": messages, "currentId": "m4"},
        },
        "created_at": BEGUN,
        "updated_at": BEGUN + 3,
        "pinned": True,
        "archived": False,
        **more,
    }


def older_openwebui() -> dict[str, Any]:
    """A plain list of messages, and times in thousandths of a second."""
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Three?"},
    ]
    return {"chat": {"title": "Old", "messages": messages, "timestamp": BEGUN * 1000}}


def parley(**more: Any) -> dict[str, Any]:
    """A chat of Parley's own."""
    interactions = [
        {"id": "1", "parent": None, "query_text": "Plums?", "final_response_text": "Blue."},
        {"id": "2", "parent": "1", "query_text": "Why?", "status": "failed", "error_code": "overloaded"},
    ]
    return {"title": "Plums", "interactions": interactions, **more}


def file_of(*sessions: Any, **more: Any) -> bytes:
    return json.dumps({"format": "parley", "version": 1, "sessions": sessions, **more}).encode()


def archive(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return written.getvalue()
