"""Taking in the chats of a file: each wholly or not at all, in a transaction of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chat import models
from chat.titles import title_from
from chat.transfer.chats import Chat, Interaction
from chat.transfer.export import CHAT_FIELDS, FIELDS
from chat.transfer.reading import chats_in

THERE_ALREADY = _("it is there already")
# Of one statement: rows, and characters.
MOST_ROWS = 200
MOST_CHARACTERS = 4_000_000


@dataclass(slots=True)
class Report:
    """What came of a file.

    Attributes:
        chats, messages: how many were taken in; a message is a question with its answer.
        skipped: messages of tools and programs in them, which were not.
        left_out: for each reason, the titles of the chats that were left out for it.
        session_ids: of the chats that were taken in, in their order.
    """

    chats: int = 0
    messages: int = 0
    skipped: int = 0
    left_out: dict[str | Promise, list[str]] = field(default_factory=dict)
    session_ids: list[UUID] = field(default_factory=list)


def import_chats(*, owner_id: int, data: bytes) -> Report:
    """Take in all chats of a file that can be kept, under new ids. One that is there already, by its title and the time
    it was begun, is left out.

    Raises:
        NotAnExport: there is no chat in it.
    """
    report = Report()
    there = _begun(owner_id)
    for found in chats_in(data, limit=settings.IMPORT_MAX_BYTES):
        chat, reason = found.chat, found.reason
        if chat is not None and chat.created and (chat.created, _title(chat)) in there:
            reason = THERE_ALREADY
        if chat is None or reason:
            report.left_out.setdefault(reason, []).append(found.title)
            continue
        report.session_ids.append(_keep(owner_id, chat))
        there.add((chat.created, _title(chat)))
        report.chats += 1
        report.messages += len(chat.interactions)
        report.skipped += found.skipped
    return report


def _begun(owner_id: int) -> set[tuple[datetime | None, str]]:
    kept = models.ChatSession.objects.filter(owner_id=owner_id, deleted=None).order_by()
    return set(kept.values_list("created", "title"))


def _title(chat: Chat) -> str:
    return chat.title or title_from(chat.interactions[0].query_text if chat.interactions else "")


@transaction.atomic
def _keep(owner_id: int, chat: Chat) -> UUID:
    """Returns the id of the session."""
    now = timezone.now()
    times = [one.created for one in chat.interactions if one.created]
    fields: dict[str, Any] = {name: getattr(chat, name) for name in CHAT_FIELDS}
    fields["title"] = _title(chat)
    fields["created"] = _past(chat.created or min(times, default=now), now)
    fields["updated"] = _past(chat.updated or max(times, default=now), now)
    session = models.ChatSession.objects.create(owner_id=owner_id, **fields)
    ids = {one.id: models.uuid7() for one in chat.interactions}  # in their order: later ones sort later
    for portion in _portions(chat.interactions):
        models.Interaction.objects.bulk_create([_row(session, one, ids, now) for one in portion])
    return session.pk


def _portions(interactions: list[Interaction]) -> Iterator[list[Interaction]]:
    portion: list[Interaction] = []
    characters = 0
    for one in interactions:
        portion.append(one)
        characters += len(one.query_text) + len(one.final_response_text)
        if len(portion) == MOST_ROWS or characters > MOST_CHARACTERS:
            yield portion
            portion, characters = [], 0
    if portion:
        yield portion


def _row(session: models.ChatSession, one: Interaction, ids: dict[str, UUID], now: datetime) -> models.Interaction:
    """Nobody goes on with an answer that was being written when the file was: it was stopped."""
    fields: dict[str, Any] = {name: getattr(one, name) for name in FIELDS}
    if one.status in models.UNFINISHED:
        fields["status"] = models.Status.STOPPED
    fields["created"] = _past(one.created or now, now)
    fields["finished"] = _past(one.finished, now) if one.finished else None
    return models.Interaction(
        id=ids[one.id], session=session, parent_id=ids[one.parent] if one.parent else None, **fields
    )


def _past(time: datetime, now: datetime) -> datetime:
    """What was made in the future would stay at the top of every list."""
    return min(time, now)
