"""A question that is too long for the model is refused before it is accepted, with the numbers, and without ever
waiting for a slow model: what cannot be known in time is accepted, and its run says so if it was too long.

Nothing is asked about a short question: not the model, and not the database.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from accounts.models import User
from chat.access import sessions_of
from chat.context import Conversation, QueryTooLong, budget, estimate, upper_bound
from chat.parameters import DEFAULTS
from chat.process import ChatProcess, current
from inference.client import InferenceClient
from inference.protocol import ModelInfo

# Bytes. What is as short as this is never looked at.
SHORT = 1000
# Seconds that a request waits for the model's limits, and for its count.
WAIT_S = 0.5


def is_long(query: str) -> bool:
    """Whether `check_length` would look at it at all."""
    return len(query) > SHORT // 4 and len(query.encode()) > SHORT


def check_length(
    *, owner_id: int, query: str, session_id: UUID | None = None, parameters: dict[str, Any] | None = None
) -> None:
    """Look whether the model can take a question, with the session's system prompt and no earlier turn.

    Args:
        session_id: None: a new session, which begins with its owner's settings.
        parameters: for this answer alone, over the session's.

    Raises:
        QueryTooLong: it cannot.
    """
    size = len(query.encode())
    process = current()
    if process is None or size <= SHORT:
        return
    info = process.client.known_info or process.ask_model(InferenceClient.info, timeout_s=WAIT_S)
    least = budget(info, info.max_total_tokens or 0) if info else None  # whatever the parameters are
    if info is None or least is None or size <= least // 2:
        return
    system_prompt, chosen = _settings(owner_id, session_id)
    max_tokens = {**DEFAULTS, **chosen, **(parameters or {})}["max_tokens"]
    _check(process, Conversation(system_prompt, [], query), info, max_tokens)


def _settings(owner_id: int, session_id: UUID | None) -> tuple[str, dict[str, Any]]:
    """The system prompt and the parameters that the question is answered with; of no session of theirs: none."""
    owner = User(pk=owner_id)
    found = sessions_of(owner).filter(pk=session_id) if session_id else User.objects.filter(pk=owner_id)
    row: tuple[str, dict[str, Any]] | None = found.values_list("system_prompt", "parameters").first()
    return row or ("", {})


def _check(process: ChatProcess, conversation: Conversation, info: ModelInfo, max_tokens: int) -> None:
    room = budget(info, max_tokens)
    messages = conversation.messages()
    if room is None or upper_bound(messages) <= room:
        return
    counted = process.ask_model(lambda client: client.count_tokens(messages), timeout_s=WAIT_S)
    tokens = estimate(messages) if counted is None else counted
    if tokens > room:
        raise QueryTooLong(tokens, room)


def room() -> int | None:
    """Tokens that a question may have with the default parameters; None where the model's limits are not known."""
    process = current()
    info = process.known_model() if process else None
    return budget(info, DEFAULTS["max_tokens"]) if info else None
