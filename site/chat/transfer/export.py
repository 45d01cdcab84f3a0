"""Chats of one owner as a file, read and written a portion at a time: neither the memory nor a database connection is
held while somebody downloads slowly."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.utils.translation import override

from chat import history, models
from chat.database import in_thread
from chat.transfer import markdown
from chat.transfer.chats import FORMAT, VERSION, Chat, Interaction

# Chats, and interactions, that are read at once.
PORTION = 50

CHAT_FIELDS = ("title", "system_prompt", "parameters", "pinned", "archived", "created", "updated")
FIELDS = (
    *("query_text", "final_response_text", "status", "finish_reason", "error_code", "error_message", "parameters"),
    *("model_id", "seed", "prompt_tokens", "generated_tokens", "first_token_ms", "duration_ms", "dropped_turns"),
    *("rating", "rating_comment", "created", "finished"),
)


async def json_of(*, owner_id: int, session_ids: Collection[UUID] | None = None) -> AsyncGenerator[bytes]:
    """Parley's own JSON, which loses nothing: see `chat.transfer.chats`. Ids that are not the owner's are passed over.

    Args:
        session_ids: None for all that the owner has, archived ones included.
    """
    yield msgspec.json.encode({"format": FORMAT, "version": VERSION, "sessions": []})[:-2]
    separator = b""
    async for chat in _chats(owner_id, session_ids):
        # What comes later follows in portions, before the brackets that close the list and the chat.
        yield separator + msgspec.json.encode(chat)[:-2]
        separator = b",\n"
        between = b"\n"
        async for portion in _portions(UUID(chat.id)):
            yield between + b",\n".join(map(msgspec.json.encode, portion))
            between = b",\n"
        yield b"]}"
    yield b"]}\n"


async def markdown_of(
    *, owner_id: int, session_ids: Collection[UUID] | None = None, at: UUID | None = None, language: str
) -> AsyncGenerator[bytes]:
    """Markdown for people: of each chat the path that its page shows.

    Args:
        session_ids: as above.
        at: an interaction through which the path leads, as in the address of a chat's page.
        language: of what stands between the texts.
    """
    separator = ""
    async for chat in _chats(owner_id, session_ids):
        with override(language):
            head = markdown.head_of(chat)
        yield (separator + head).encode()
        separator = "\n---\n\n"
        path = await in_thread(_path, UUID(chat.id), at)
        for start in range(0, len(path), PORTION):
            turns = await in_thread(_on_path, path[start : start + PORTION])
            with override(language):
                text = "".join(map(markdown.turn_of, turns))
            yield text.encode()


async def _chats(owner_id: int, session_ids: Collection[UUID] | None) -> AsyncIterator[Chat]:
    """Oldest first, without their interactions."""
    ids = iter(await in_thread(_ids, owner_id, session_ids))
    while portion := list(islice(ids, PORTION)):
        for chat in await in_thread(_heads, owner_id, portion):
            yield chat


async def _portions(session_id: UUID) -> AsyncIterator[list[Interaction]]:
    """All interactions of a session, as they were asked."""
    last: Interaction | None = None
    while portion := await in_thread(_after, session_id, last):
        yield portion
        if len(portion) < PORTION:
            return
        last = portion[-1]


# The database: each function one statement, or two ------------------------------------------------------------------


def _ids(owner_id: int, session_ids: Collection[UUID] | None) -> list[UUID]:
    kept = models.ChatSession.objects.filter(owner_id=owner_id, deleted=None)
    if session_ids is not None:
        kept = kept.filter(pk__in=session_ids)
    return list(kept.order_by("created", "id").values_list("pk", flat=True))


def _heads(owner_id: int, session_ids: list[UUID]) -> list[Chat]:
    kept = models.ChatSession.objects.filter(owner_id=owner_id, deleted=None, pk__in=session_ids)
    rows = kept.order_by("created", "id").values("id", *CHAT_FIELDS)
    return [Chat(**{**row, "id": str(row["id"])}) for row in rows]


def _after(session_id: UUID, last: Interaction | None) -> list[Interaction]:
    rows = models.Interaction.objects.filter(session=session_id)
    if last is not None and last.created is not None:
        rows = rows.filter(created__gte=last.created).exclude(created=last.created, pk__lte=last.id)
    return _read(rows.order_by("created", "id")[:PORTION])


def _read(rows: QuerySet[models.Interaction]) -> list[Interaction]:
    """The log of a running answer is read by the same statement: a moment later it may be gone."""
    log = models.ResponseChunk.objects.filter(interaction=OuterRef("pk")).order_by("offset").values("text")
    return [_interaction(row) for row in rows.values("id", "parent_id", *FIELDS, log=ArraySubquery(log))]


def _interaction(row: dict[str, Any]) -> Interaction:
    key, parent, log = str(row.pop("id")), row.pop("parent_id"), row.pop("log")
    if row["status"] in models.UNFINISHED:
        row["final_response_text"] = "".join(log)
    return Interaction(id=key, parent=str(parent) if parent else None, **row)


def _path(session_id: UUID, at: UUID | None) -> list[UUID]:
    """From the first interaction down to the newest below `at`, or to the newest of all."""
    inside = models.Interaction.objects.filter(session=session_id)
    if at is not None and inside.filter(pk=at).exists():
        leaf = history.newest_below(at)
    else:
        leaf = inside.order_by("-created", "-id").values_list("pk", flat=True).first()
    return history.path_ids(leaf, limit=history.LONGEST_PATH)[::-1] if leaf else []


def _on_path(ids: list[UUID]) -> list[Interaction]:
    found = {one.id: one for one in _read(models.Interaction.objects.filter(pk__in=ids).order_by())}
    return [found[str(one)] for one in ids if str(one) in found]
