"""What people and programs do to conversations: each function one verb, one short transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.models import User
from chat import history
from chat.access import lock_session
from chat.admission import admit, lock_owner
from chat.leases import LEASE_S
from chat.models import TITLE_MAX_LENGTH, UNFINISHED, ChatSession, Interaction, ResponseChunk, Status
from chat.parameters import DEFAULTS, checked
from chat.process import current

TITLE_LENGTH = 60


@transaction.atomic
def ask(
    *,
    owner: User,
    query: str,
    session: ChatSession | None = None,
    parameters: dict[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Interaction:
    """Accept a question; its answer is on its way when this returns.

    Args:
        session: the owner's; None starts a new one.
        parameters: for this answer alone, over the session's.
        idempotency_key: the same key by the same owner in the same session (or for a new session) again gives
            the interaction that the first call made.

    Raises:
        ParameterError: a parameter cannot be used.
        TooManyRunning: the owner has as many unfinished answers as one may have.
    """
    own_parameters = checked(parameters)
    lock_owner(owner)
    if idempotency_key and (before := _asked_before(owner, session, idempotency_key)):
        return before
    admit(owner)
    if session is None:
        session = ChatSession.objects.create(owner=owner, title=title_from(query))
        parent = None
    else:
        # Two tabs that ask at once take turns here, so the second question follows the first.
        session = lock_session(session.pk)
        parent = history.newest(session)
        _touch(session, query)
    return _accept(
        Interaction(
            session=session,
            parent=parent,
            query_text=query,
            parameters=own_parameters,
            idempotency_key=idempotency_key or None,
        )
    )


def _asked_before(owner: User, session: ChatSession | None, key: str) -> Interaction | None:
    """The interaction that this key made already."""
    made = Interaction.objects.filter(session__owner=owner, idempotency_key=key)
    if session is not None:
        made = made.filter(session=session)
    return made.select_related("session").first()


def _touch(session: ChatSession, query: str) -> None:
    session.updated = timezone.now()
    session.title = session.title or title_from(query)
    session.save(update_fields=["updated", "title"])


@transaction.atomic
def regenerate(*, interaction: Interaction) -> Interaction:
    """Ask the same again: a sibling of the interaction, which stays as it is.

    Raises:
        TooManyRunning: the owner has as many unfinished answers as one may have.
    """
    lock_owner(interaction.session.owner)
    admit(interaction.session.owner)
    session = lock_session(interaction.session_id)
    # Read again: it, or the one it follows, may have been deleted meanwhile.
    interaction = get_object_or_404(Interaction, pk=interaction.pk)
    _touch(session, interaction.query_text)
    return _accept(
        Interaction(
            session=session,
            parent_id=interaction.parent_id,
            query_text=interaction.query_text,
            parameters=interaction.parameters,
        )
    )


class NotContinuable(Exception):
    """The answer is whole, or still being written: there is nothing to go on with."""


@transaction.atomic
def continue_answer(*, interaction: Interaction) -> Interaction:
    """Go on with an answer that failed, was stopped or reached its length limit, from the text it has.

    Raises:
        NotContinuable, TooManyRunning
    """
    lock_owner(interaction.session.owner)
    admit(interaction.session.owner)
    interaction = get_object_or_404(
        Interaction.objects.select_for_update(of=["self"]).select_related("session"), pk=interaction.pk
    )
    if not interaction.is_continuable:
        raise NotContinuable
    if interaction.final_response_text:
        ResponseChunk.objects.create(interaction=interaction, offset=0, text=interaction.final_response_text)
    # As many tokens again as an answer may have; the count goes on from the ones there are.
    allowed = {**DEFAULTS, **interaction.session.parameters}["max_tokens"]
    interaction.parameters["max_tokens"] = allowed + (interaction.generated_tokens or 0)
    interaction.status = Status.QUEUED
    interaction.final_response_text = interaction.finish_reason = ""
    interaction.error_code = interaction.error_message = ""
    interaction.finished = None
    interaction.stop_requested = False
    return _accept(interaction)


def _accept(interaction: Interaction) -> Interaction:
    """Save it, leased to this process where one runs answers; otherwise one that does will find it."""
    process = current()
    interaction.attempts = 0
    if process is not None:
        interaction.lease_owner = process.owner
        # By the database's clock: the only one that all processes share.
        interaction.lease_expires_at = Now() + timedelta(seconds=LEASE_S)
        interaction.attempts = 1
        is_first = interaction.parent_id is None and interaction._state.adding
        transaction.on_commit(
            lambda: process.begin(interaction.pk, history.first_run(interaction) if is_first else None)
        )
    interaction.save()
    interaction.lease_expires_at = None  # the expression, not a time that anybody could read
    return interaction


def request_stop(*, interaction: Interaction) -> None:
    """Stop an answer; its text so far is kept. Whichever process makes it sees this at its next checkpoint."""
    Interaction.objects.filter(pk=interaction.pk, status__in=UNFINISHED).update(stop_requested=True)
    if process := current():
        process.stop_run(interaction.pk)


def rename(*, session: ChatSession, title: str) -> None:
    session.title = title
    session.save(update_fields=["title"])


def delete_session(*, session: ChatSession) -> None:
    """Delete a session with all its interactions. Answers still being made end at the next checkpoint at the latest."""
    running = list(session.interactions.filter(status__in=UNFINISHED).values_list("pk", flat=True))
    session.delete()
    _end_runs(running)


@transaction.atomic
def delete_interaction(*, interaction: Interaction) -> None:
    """Delete one question and its answer. What followed it follows the one before it now."""
    lock_session(interaction.session_id)
    interaction = get_object_or_404(Interaction, pk=interaction.pk)
    Interaction.objects.filter(parent=interaction).update(parent=interaction.parent_id)
    pk = interaction.pk
    interaction.delete()
    transaction.on_commit(lambda: _end_runs([pk]))


def _end_runs(interaction_ids: list[UUID]) -> None:
    if process := current():
        for interaction_id in interaction_ids:
            process.stop_run(interaction_id)


def title_from(query: str) -> str:
    """A title out of the question itself: its first line, cut at a word."""
    line = next((line.strip() for line in query.splitlines() if line.strip()), "")
    if len(line) > TITLE_LENGTH:
        line = line[:TITLE_LENGTH].rsplit(" ", 1)[0].rstrip(" ,;:.-") + "…"
    return line[:TITLE_MAX_LENGTH]
