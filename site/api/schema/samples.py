"""What the API's resources look like, for examples."""

from __future__ import annotations

import json
from typing import Any

SESSION_ID = "019ab7c4-2f6e-7d53-9b1a-5c0e8f7d2a41"
INTERACTION_ID = "019ab7c4-2f6e-7d53-9b1a-5c0e8f7d2a46"

SESSION: dict[str, Any] = {
    "id": SESSION_ID,
    "title": "Why is the sky blue?",
    "system_prompt": "Answer in one sentence.",
    "parameters": {"temperature": 0.2},
    "pinned": False,
    "archived": False,
    "created": "2026-11-24T09:30:00.000000Z",
    "updated": "2026-11-24T09:30:02.000000Z",
}
INTERACTION: dict[str, Any] = {
    "id": INTERACTION_ID,
    "session_id": SESSION_ID,
    "parent_id": None,
    "query_text": "Why is the sky blue?",
    "parameters": {"max_tokens": 1024, "temperature": 0.2, "top_p": 0.9},
    "status": "complete",
    "final_response_text": "Air scatters blue light more than red.",
    "error_code": "",
    "error_message": "",
    "finish_reason": "stop",
    "model_id": "HuggingFaceTB/SmolLM2-135M-Instruct",
    "seed": 4231,
    "prompt_tokens": 38,
    "generated_tokens": 9,
    "first_token_ms": 41,
    "duration_ms": 152,
    "tokens_per_second": 72.1,
    "dropped_turns": 0,
    "rating": None,
    "rating_comment": "",
    "created": "2026-11-24T09:30:02.000000Z",
    "finished": "2026-11-24T09:30:02.193000Z",
}
PRESET: dict[str, Any] = {
    "id": "019ab7c4-2f6e-7d53-9b1a-5c0e8f7d2a4b",
    "name": "Short",
    "system_prompt": "Answer in one sentence.",
    "parameters": {"temperature": 0.2},
    "created": "2026-11-24T09:30:00.000000Z",
}
ACCOUNT: dict[str, Any] = {
    "id": 1,
    "username": "ada",
    "date_joined": "2026-11-24T09:00:00.000000Z",
    "is_administrator": True,
    "theme": "dark",
    "language": "en",
    "enter_sends": True,
    "system_prompt": "",
    "parameters": {"temperature": 0.2},
}
TOKEN: dict[str, Any] = {
    "id": 7,
    "name": "my script",
    "hint": "parley_k3Yw9",
    "scopes": ["read", "chat"],
    "created": "2026-11-24T09:30:00.000000Z",
    "expires": "2027-02-22T09:30:00.000000Z",
    "last_used": None,
}
# Chats as a file, and what comes of taking it in.
EXPORT: dict[str, Any] = {
    "format": "parley",
    "version": 1,
    "sessions": [{**SESSION, "interactions": [{"id": "1", "query_text": "Why?", "final_response_text": "Because."}]}],
}
IMPORT: dict[str, Any] = {
    "sessions": 1,
    "interactions": 12,
    "session_ids": [SESSION_ID],
    "skipped_messages": 0,
    "left_out": [{"reason": "it is there already", "count": 1, "titles": ["The sky"]}],
}
CHAT: dict[str, Any] = {
    "session_id": SESSION_ID,
    "interaction_id": INTERACTION_ID,
    "status": "complete",
    "response": "Air scatters blue light more than red.",
    "usage": {"prompt_tokens": 38, "generated_tokens": 9},
    "finish_reason": "stop",
    "error": None,
}
STREAM = (
    "retry: 1000\n\n"
    f'event: status\ndata: {{"status": "queued", "interaction_id": "{INTERACTION_ID}", "session_id": "{SESSION_ID}"}}'
    "\n\n"
    'event: delta\nid: 12\ndata: {"text":"Air scatters","offset":0}\n\n'
    'event: delta\nid: 38\ndata: {"text":" blue light more than red.","offset":12}\n\n'
    f"event: done\ndata: {json.dumps(INTERACTION)}\n\n"
)
