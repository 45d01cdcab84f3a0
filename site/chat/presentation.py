"""Interactions as templates show them: Markdown rendered, running answers as far as they have come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from accounts.models import User
from chat import failures, history
from chat.forms import QueryForm
from chat.history import Variants
from chat.length import room
from chat.markdown import AnswerStream, render
from chat.models import ChatSession, Interaction, ResponseChunk, Status, uuid7
from chat.sidebar import sidebar_context

# More than a screenful of short turns; the others come on demand.
TURNS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer on a page.

    Attributes:
        body: the HTML of the finished answer, or of a running one's finished blocks.
        tail: the HTML of a running answer's live end; offset: where that starts, in characters.
        variants: its place among its siblings, where it has any.
    """

    interaction: Interaction
    body: SafeString
    tail: str = ""
    offset: int = 0
    variants: Variants | None = None

    @property
    def failure(self) -> str:
        """Why a failed answer did."""
        return failures.in_words(self.interaction.error_code, self.interaction.error_message)

    @property
    def key(self) -> str:
        """For the form that asks again: sending it twice asks once."""
        return str(uuid7())

    @property
    def ending(self) -> str:
        """Why the answer ended where it did."""
        if self.interaction.status == Status.FAILED:
            return _("It failed.")
        if self.interaction.status == Status.STOPPED:
            return _("It was stopped.")
        if self.interaction.finish_reason == "length":
            return _("It reached its length limit.")
        if self.interaction.finish_reason == "stop_sequence":
            return _("It reached a stop text.")
        return _("The model had finished.")


def id_prefix(interaction_id: UUID) -> str:
    """What ids inside an answer begin with, so that two answers on a page do not clash."""
    return f"a{interaction_id.hex[-12:]}-"


def finished_turn(
    interaction: Interaction, *, variants: Variants | None = None, body: SafeString | None = None
) -> Turn:
    """`body`: the answer's HTML, where it has been rendered already."""
    if body is None:
        body = render(interaction.final_response_text, prefix=id_prefix(interaction.pk))
    return Turn(interaction, body, variants=variants)


def running_turn(interaction: Interaction, text: str, *, variants: Variants | None = None) -> Turn:
    stream = AnswerStream(prefix=id_prefix(interaction.pk))
    blocks = "".join(block.html for block in stream.feed(text))
    safe = mark_safe(blocks)  # noqa: S308 - blocks are safe
    return Turn(interaction, safe, stream.tail_html(), stream.end, variants)


def asked_turn(interaction: Interaction) -> Turn:
    """The turn of a question asked now. No log is read: there is none yet, and where the same form was sent before, its
    stream begins with the beginning."""
    variants = None
    if interaction.has_siblings:
        variants = history.variants_of(interaction.session, [interaction]).get(interaction.pk)
    if interaction.is_finished:
        return finished_turn(interaction, variants=variants)
    return running_turn(interaction, "", variants=variants)


def turn_of(interaction: Interaction) -> Turn:
    """One turn as it is now."""
    variants = history.variants_of(interaction.session, [interaction])
    return turns_of([interaction], variants)[0]


def turns_of(interactions: Sequence[Interaction], variants: Mapping[UUID, Variants]) -> list[Turn]:
    """The turns of a path, oldest first. The logs of running answers are read at once."""
    logged = _logged([one for one in interactions if not one.is_finished])
    turns = []
    for one in interactions:
        if one.is_finished:
            turns.append(finished_turn(one, variants=variants.get(one.pk)))
        else:
            turns.append(running_turn(one, logged.get(one.pk, ""), variants=variants.get(one.pk)))
    return turns


def _logged(running: Sequence[Interaction]) -> dict[Any, str]:
    texts: dict[Any, str] = {}
    if running:
        for chunk in ResponseChunk.objects.filter(interaction__in=running).order_by("offset"):
            texts[chunk.interaction_id] = texts.get(chunk.interaction_id, "") + chunk.text
    return texts


def source_of(interaction: Interaction) -> str:
    """The Markdown of an answer, as far as it has come."""
    if interaction.is_finished:
        return interaction.final_response_text
    return _logged([interaction]).get(interaction.pk, "")


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of which path of a session is asked for: see `history.window`."""

    at: UUID | None = None
    before: UUID | None = None
    after: UUID | None = None


def part_of(query: Mapping[str, str]) -> Part:
    """The part that an address names.

    Raises:
        Http404: something in it is no id.
    """
    try:
        return Part(**{name: UUID(query[name]) for name in ("at", "before", "after") if query.get(name)})
    except ValueError:
        raise Http404 from None


def thread_context(session: ChatSession, part: Part = Part()) -> dict[str, Any]:
    """The turns of a part of a session, and the links to the parts above and below.

    Raises:
        Http404: the part is not there.
    """
    try:
        shown = history.window(session, size=TURNS_SHOWN, at=part.at, before=part.before, after=part.after)
    except Interaction.DoesNotExist:
        raise Http404 from None
    turns = turns_of(shown.interactions, shown.variants)
    address = f"{session.get_absolute_url()}?at={shown.leaf_id}"
    earlier = f"{address}&before={turns[0].interaction.pk}" if turns else address
    later = f"{address}&after={turns[-1].interaction.pk}" if turns else address
    return {
        "session": session,
        "turns": turns,
        "leaf_id": shown.leaf_id,
        "earlier_url": earlier if shown.has_earlier else "",
        "later_url": later if shown.has_later else "",
        "is_running": any(not turn.interaction.is_finished for turn in turns),
    }


def page_context(
    user: User, session: ChatSession | None, *, form: QueryForm | None = None, part: Part = Part()
) -> dict[str, Any]:
    """Everything that the chat page shows.

    Raises:
        Http404: the part is not there.
    """
    thread = thread_context(session, part) if session else {"session": None, "turns": []}
    return {**thread, **composer_context(form, after=thread.get("leaf_id")), **sidebar_context(user)}


def composer_context(form: QueryForm | None = None, *, after: UUID | None = None) -> dict[str, Any]:
    """The composer, for a question that follows `after`."""
    return {"form": form or QueryForm(initial={"idempotency_key": str(uuid7()), "after": after}), "room": room()}
