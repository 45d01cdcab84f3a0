"""What people and programs do to conversations: each function one verb, one short transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import transaction
from django.shortcuts import get_object_or_404

from chat.accepting import Question, accept
from chat.access import lock_session
from chat.admission import admit, limit, lock_owner
from chat.leases import LEASE_S
from chat.models import (
    UNFINISHED,
    ChatSession,
    DatabaseClock,
    Interaction,
    Rating,
    ResponseChunk,
    Status,
)
from chat.parameters import DEFAULTS, checked
from chat.process import current, stop_runs_on_commit
from chat.titles import title_from
from limits import quota
from limits.allowances import spend_answer


def ask(
    *,
    owner_id: int,
    query: str,
    session_id: UUID | None = None,
    after: UUID | None = None,
    parameters: dict[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Interaction:
    """Accept a question; its answer is on its way when this returns.

    Args:
        session_id: None starts a new session.
        after: the interaction of the session that it follows; None for the newest.
        parameters: for this answer alone, over the session's.
        idempotency_key: the same key by the same owner in the same session (or for a new session) again gives
            the interaction that the first call made.

    Raises:
        Http404: the session does not exist, or is somebody else's.
        NothingToFollow: `after` is not in the session; also an Http404.
        NoSuchAsker: the account was deleted or deactivated.
        ParameterError: a parameter cannot be used.
        LimitReached: too many answers are running or were asked for lately, or today's tokens are used up.
    """
    question = _question(
        owner_id=owner_id,
        query=query,
        session_id=session_id,
        after=after,
        parameters=parameters,
        idempotency_key=idempotency_key,
    )
    return _ask(question)


def _question(
    *,
    owner_id: int,
    query: str,
    session_id: UUID | None,
    after: UUID | None,
    parameters: dict[str, Any] | None,
    idempotency_key: str | None,
    generation: int | None = None,
    system_prompt: str | None = None,
) -> Question:
    title = title_from(query)
    key = idempotency_key or ""
    made = Question(owner_id, session_id, query, title, checked(parameters), key, after, generation, system_prompt)
    spend_answer(user_id=owner_id)
    return made


def _ask(question: Question) -> Interaction:
    process = current()
    [outcome] = process.accept([question]) if process else accept([question], lease_owner="", limit=limit())
    if isinstance(outcome, Exception):
        raise outcome
    return outcome[0]


async def ask_from_loop(
    *,
    owner_id: int,
    query: str,
    session_id: UUID | None = None,
    after: UUID | None = None,
    parameters: dict[str, Any] | None = None,
    idempotency_key: str | None = None,
    generation: int | None = None,
    system_prompt: str | None = None,
) -> Interaction:
    """`ask` for the event loop: questions that come at the same time are accepted together.

    Args:
        generation: which one the owner's access tokens must still be of, where one is used; else NoSuchAsker.
        system_prompt: of the new session, where one is begun; None for the owner's own.
    """
    question = _question(
        owner_id=owner_id,
        query=query,
        session_id=session_id,
        after=after,
        parameters=parameters,
        idempotency_key=idempotency_key,
        generation=generation,
        system_prompt=system_prompt,
    )
    process = current()
    if process is None:
        return await sync_to_async(_ask)(question)
    interaction, _ = await process.questions(question)
    return interaction


def _touch(session: ChatSession, query: str) -> None:
    session.updated = DatabaseClock()
    session.title = session.title or title_from(query)
    session.archived = False  # what is in use is in the list
    session.save(update_fields=["updated", "title", "archived"])


def instruct(*, owner_id: int, session_id: UUID, system_prompt: str) -> None:
    """Give a session of the owner's this system prompt for the answers to come. Somebody else's stays as it is."""
    ChatSession.objects.filter(pk=session_id, owner_id=owner_id, deleted=None).exclude(
        system_prompt=system_prompt
    ).update(system_prompt=system_prompt)


def regenerate(*, interaction: Interaction, idempotency_key: str | None = None) -> Interaction:
    """Ask the same again: a sibling of the interaction, which stays as it is with all that follows it.

    Args:
        idempotency_key: the same key in the same session again gives the interaction that the first call made.

    Raises:
        LimitReached: too many answers are running or were asked for lately, or today's tokens are used up.
    """
    return _add_sibling(interaction, query=None, idempotency_key=idempotency_key or None)


def edit(*, interaction: Interaction, query: str, idempotency_key: str | None = None) -> Interaction:
    """Ask something else in the interaction's place: a sibling of it, which stays as it is with all that follows it.
    The same question is asked again.

    Args:
        idempotency_key: the same key in the same session again gives the interaction that the first call made.

    Raises:
        LimitReached: too many answers are running or were asked for lately, or today's tokens are used up.
    """
    return _add_sibling(interaction, query=query, idempotency_key=idempotency_key or None)


@transaction.atomic
def _add_sibling(interaction: Interaction, *, query: str | None, idempotency_key: str | None) -> Interaction:
    owner_id = interaction.session.owner_id
    spend_answer(user_id=owner_id)
    lock_owner(owner_id)
    session = lock_session(interaction.session_id)
    if idempotency_key and (twin := session.interactions.filter(idempotency_key=idempotency_key).first()):
        return twin
    admit(owner_id)
    # Read again: it, or the one it follows, may have been deleted meanwhile.
    interaction = get_object_or_404(Interaction, pk=interaction.pk)
    query = interaction.query_text if query is None else query
    _touch(session, query)
    return _accept(
        Interaction(
            session=session,
            parent_id=interaction.parent_id,
            query_text=query,
            parameters=interaction.parameters,
            idempotency_key=idempotency_key,
        )
    )


class NotContinuable(Exception):
    """The answer is whole, or still being written: there is nothing to go on with."""


@transaction.atomic
def continue_answer(*, interaction: Interaction) -> Interaction:
    """Go on with an answer that failed, was stopped or reached its length limit, from the text it has.

    Raises:
        NotContinuable, LimitReached
    """
    spend_answer(user_id=interaction.session.owner_id)
    lock_owner(interaction.session.owner_id)
    admit(interaction.session.owner_id)
    interaction = _locked(interaction)
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
        interaction.lease_expires_at = DatabaseClock() + timedelta(seconds=LEASE_S)
        interaction.attempts = 1
        transaction.on_commit(partial(process.begin, interaction.pk))
    interaction.save()
    interaction.lease_expires_at = None  # the expression, not a time that anybody could read
    return interaction


def request_stop(*, interaction: Interaction) -> None:
    """Stop an answer; its text so far is kept. Whichever process makes it sees this at its next checkpoint."""
    Interaction.objects.filter(pk=interaction.pk, status__in=UNFINISHED).update(stop_requested=True)
    if process := current():
        process.stop_run(interaction.pk)


class NotFinished(Exception):
    """The answer is still being written: there is nothing to judge yet."""


# Looks at an interaction while nobody else can change it, and raises where it is not what somebody takes it for.
Check = Callable[[Interaction], None]


@transaction.atomic
def rate_checked(*, interaction: Interaction, rating: Rating | None, comment: str | None, check: Check) -> Interaction:
    """`rate`, if the answer is still what it is taken for. Returns it as it is then.

    Raises:
        NotFinished
        Http404: it was deleted meanwhile.
        Whatever `check` raises; then nothing is changed.
    """
    found = _locked(interaction)
    check(found)
    rate(interaction=found, rating=rating, comment=comment)
    return found


def _locked(interaction: Interaction) -> Interaction:
    found = Interaction.objects.select_for_update(of=["self"]).select_related("session")
    return get_object_or_404(found, pk=interaction.pk)


def rate(*, interaction: Interaction, rating: Rating | None, comment: str | None = None) -> None:
    """Say what an answer is worth; None takes that back. What was said about it before stays unless `comment` is given.

    Raises:
        NotFinished
    """
    changes: dict[str, Any] = {"rating": rating} if comment is None else {"rating": rating, "rating_comment": comment}
    # One statement, and no column that the writer of an answer sets.
    if not Interaction.objects.filter(pk=interaction.pk).exclude(status__in=UNFINISHED).update(**changes):
        raise NotFinished
    for name, value in changes.items():
        setattr(interaction, name, value)


@transaction.atomic
def delete_interaction(*, interaction: Interaction, check: Check | None = None) -> None:
    """Delete one question and its answer. What followed it follows the one before it now.

    Raises:
        Http404: it was deleted meanwhile.
        Whatever `check` raises; then nothing is deleted.
    """
    lock_owner(interaction.session.owner_id)
    interaction = _locked(interaction)
    if check:
        check(interaction)
    if interaction.status in UNFINISHED:
        # Its end will find no row to save, so what it has used is charged now.
        uncharged = max((interaction.generated_tokens or 0) - interaction.charged_tokens, 0)
        quota.charge({interaction.session.owner_id: (interaction.prompt_tokens or 0, uncharged)})
    Interaction.objects.filter(parent=interaction).update(parent=interaction.parent_id)
    pk = interaction.pk
    interaction.delete()
    stop_runs_on_commit([pk])
