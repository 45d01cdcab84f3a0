"""What people and programs do to chats as a whole: begin, name, pin, archive, delete, and take that back. Each function
is one verb and one short transaction; ids that are not the owner's change nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.models import User
from chat.access import lock_session
from chat.admission import lock_owner
from chat.models import UNFINISHED, ChatSession, Interaction
from chat.process import stop_runs_on_commit

# Looks at a session while nobody else can change it, and raises where it is not what somebody takes it for.
Check = Callable[[ChatSession], None]


def begin(*, owner: User, chosen: Mapping[str, Any]) -> ChatSession:
    """A session without any question yet, with these values of its fields. What is not chosen is as in the owner's
    other new sessions."""
    usual = {"system_prompt": owner.system_prompt, "parameters": owner.parameters}
    return ChatSession.objects.create(owner=owner, **{**usual, **_agreeing(chosen)})


@transaction.atomic
def change(*, session: ChatSession, chosen: Mapping[str, Any], check: Check) -> ChatSession:
    """Give fields of a session these values, the others left as they are. Returns the session as it is then.

    Raises:
        Http404: it was deleted meanwhile.
        Whatever `check` raises; then nothing is changed.
    """
    found = lock_session(session.pk)
    check(found)
    changes = _agreeing(chosen)
    for name, value in changes.items():
        setattr(found, name, value)
    if changes:
        found.save(update_fields=list(changes))
    return found


def _agreeing(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What is in the archive is not at the top of the list: see `pin` and `archive`."""
    if chosen.get("archived"):
        return {**chosen, "pinned": False}
    return {**chosen, "archived": False} if chosen.get("pinned") else dict(chosen)


def rename(*, session: ChatSession, title: str) -> None:
    session.title = title
    session.save(update_fields=["title"])


def pin(*, owner_id: int, session_ids: Collection[UUID], pinned: bool = True) -> int:
    """Keep sessions at the top of the list, or no longer. Returns how many of them there are."""
    changes = {"pinned": True, "archived": False} if pinned else {"pinned": False}
    return _kept(owner_id, session_ids).update(**changes)


def archive(*, owner_id: int, session_ids: Collection[UUID], archived: bool = True) -> int:
    """Put sessions out of the list, or back into it. Returns how many of them there are."""
    changes = {"archived": True, "pinned": False} if archived else {"archived": False}
    return _kept(owner_id, session_ids).update(**changes)


@transaction.atomic
def delete(*, owner_id: int, session_ids: Collection[UUID]) -> tuple[datetime | None, int]:
    """Delete sessions; `undelete` takes it back for a while. Answers still being made are stopped: here at once,
    in another process at the next checkpoint.

    Returns:
        The time of it, by which it can be taken back, and how many sessions there were.
    """
    lock_owner(owner_id)
    found = list(_kept(owner_id, session_ids).select_for_update().values_list("pk", flat=True))
    if not found:
        return None, 0
    ChatSession.objects.filter(pk__in=found).update(deleted=Now())
    running = Interaction.objects.filter(session__in=found, status__in=UNFINISHED)
    stopped = list(running.values_list("pk", flat=True))
    running.update(stop_requested=True)
    stop_runs_on_commit(stopped)
    return ChatSession.objects.values_list("deleted", flat=True).get(pk=found[0]), len(found)


@transaction.atomic
def delete_checked(*, session: ChatSession, check: Check) -> None:
    """Delete one session, as `delete` does.

    Raises:
        Http404: it was deleted meanwhile.
        Whatever `check` raises; then nothing is deleted.
    """
    lock_owner(session.owner_id)  # before the session: whoever asks in it locks them in this order
    check(lock_session(session.pk))
    delete(owner_id=session.owner_id, session_ids=[session.pk])


@transaction.atomic
def restore(*, owner_id: int, session_ids: Collection[UUID]) -> list[UUID]:
    """Take back the deletion of sessions, whenever that was. Returns those that are there again; what is not among them
    was not deleted, or is gone for good."""
    gone = ChatSession.objects.select_for_update().filter(owner_id=owner_id, pk__in=session_ids, deleted__isnull=False)
    found = list(gone.order_by("pk").values_list("pk", flat=True))
    ChatSession.objects.filter(pk__in=found).update(deleted=None)
    return found


def undelete(*, owner_id: int, deleted: datetime) -> list[UUID]:
    """Take back what was deleted at that time. Returns the sessions that are there again; none: it is too late."""
    with transaction.atomic():
        gone = ChatSession.objects.select_for_update().filter(owner_id=owner_id, deleted=deleted)
        found = list(gone.values_list("pk", flat=True))
        ChatSession.objects.filter(pk__in=found).update(deleted=None)
    return found


def _kept(owner_id: int, session_ids: Collection[UUID]) -> QuerySet[ChatSession]:
    return ChatSession.objects.filter(owner_id=owner_id, pk__in=session_ids, deleted=None).order_by()
