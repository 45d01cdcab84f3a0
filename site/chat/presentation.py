"""Interactions as templates show them: Markdown rendered, running answers as far as they have come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.safestring import SafeString, mark_safe

from accounts.models import User
from chat import history
from chat.access import sessions_of
from chat.forms import QueryForm
from chat.length import room
from chat.markdown import AnswerStream, render
from chat.models import ChatSession, Interaction, ResponseChunk, uuid7

SIDEBAR_SESSIONS = 40
TURNS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer on a page.

    Attributes:
        body: the HTML of the finished answer, or of a running one's finished blocks.
        tail: the HTML of a running answer's live end; offset: where that starts, in characters.
        is_last: whether it is the newest turn, which can be asked again.
    """

    interaction: Interaction
    body: SafeString
    tail: str = ""
    offset: int = 0
    is_last: bool = False


def id_prefix(interaction_id: UUID) -> str:
    """What ids inside an answer begin with, so that two answers on a page do not clash."""
    return f"a{interaction_id.hex[-12:]}-"


def finished_turn(interaction: Interaction, *, is_last: bool = True, body: SafeString | None = None) -> Turn:
    """`body`: the answer's HTML, where it has been rendered already."""
    if body is None:
        body = render(interaction.final_response_text, prefix=id_prefix(interaction.pk))
    return Turn(interaction, body, is_last=is_last)


def running_turn(interaction: Interaction, text: str, *, is_last: bool = True) -> Turn:
    stream = AnswerStream(prefix=id_prefix(interaction.pk))
    blocks = "".join(block.html for block in stream.feed(text))
    return Turn(interaction, mark_safe(blocks), stream.tail_html(), stream.end, is_last)  # noqa: S308 - safe blocks


def asked_turn(interaction: Interaction) -> Turn:
    """The turn of a question asked now. No log is read: there is none yet, and where the same form was sent before, its
    stream begins with the beginning."""
    return finished_turn(interaction) if interaction.is_finished else running_turn(interaction, "")


def turns_of(interactions: Sequence[Interaction]) -> list[Turn]:
    """The turns of a path, oldest first. The logs of running answers are read at once."""
    logged = _logged([one for one in interactions if not one.is_finished])
    turns = []
    for one in interactions:
        is_last = one is interactions[-1]
        if one.is_finished:
            turns.append(finished_turn(one, is_last=is_last))
        else:
            turns.append(running_turn(one, logged.get(one.pk, ""), is_last=is_last))
    return turns


def _logged(running: Sequence[Interaction]) -> dict[Any, str]:
    texts: dict[Any, str] = {}
    if running:
        for chunk in ResponseChunk.objects.filter(interaction__in=running).order_by("offset"):
            texts[chunk.interaction_id] = texts.get(chunk.interaction_id, "") + chunk.text
    return texts


def page_context(
    user: User, session: ChatSession | None, *, form: QueryForm | None = None, show_all: bool = False
) -> dict[str, Any]:
    """Everything that the chat page shows."""
    turns: list[Turn] = []
    hidden = False
    if session is not None:
        limit = history.MOST_TURNS if show_all else TURNS_SHOWN
        path = history.path(history.newest(session), limit=limit)
        hidden = bool(path) and path[0].parent_id is not None and not show_all
        turns = turns_of(path)
    return {
        "session": session,
        "turns": turns,
        "earlier_hidden": hidden,
        "is_running": any(not turn.interaction.is_finished for turn in turns),
        **composer_context(form),
        **sidebar_context(user),
    }


def composer_context(form: QueryForm | None = None) -> dict[str, Any]:
    return {"form": form or QueryForm(initial={"idempotency_key": str(uuid7())}), "room": room()}


def sidebar_context(user: User) -> dict[str, Any]:
    sessions = list(sessions_of(user)[: SIDEBAR_SESSIONS + 1])
    return {"sessions": sessions[:SIDEBAR_SESSIONS], "more_sessions": len(sessions) > SIDEBAR_SESSIONS}
