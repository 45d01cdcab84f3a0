"""A question accepted, in one round trip to the database: everything that has to hold is looked at and everything that
is written is written by the statement below. Asking is what happens most and all at once, so its cost is the site's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404

from chat.admission import LOCK, RUNNING, TooManyRunning
from chat.leases import LEASE_S
from chat.models import ChatSession, Interaction, uuid7

# Two statements in one message, so one transaction. The first lets one owner's questions be accepted one after the
# other, in all processes: the second's snapshot is taken after it, so it sees a twin of this question, the answers that
# run already, and the question that this one follows.
ACCEPT = f"""
{LOCK};
WITH asker AS (
    SELECT id, system_prompt, parameters FROM accounts_user WHERE id = %(owner)s AND is_active
), twin AS (
    SELECT i.id FROM chat_interaction i JOIN chat_chatsession s ON s.id = i.session_id
    WHERE i.idempotency_key = %(key)s AND s.owner_id = %(owner)s AND s.deleted IS NULL
      AND (%(session)s::uuid IS NULL OR i.session_id = %(session)s)
    LIMIT 1
), running AS (
    {RUNNING}
), admitted AS (
    SELECT asker.* FROM asker, running WHERE answers < %(limit)s AND NOT EXISTS (SELECT FROM twin)
), followed AS (
    SELECT id, status FROM chat_interaction WHERE session_id = %(session)s ORDER BY created DESC, id DESC LIMIT 1
), gone_on AS (
    UPDATE chat_chatsession
    SET updated = clock_timestamp(), title = CASE title WHEN '' THEN %(title)s ELSE title END
    WHERE id = %(session)s AND owner_id = %(owner)s AND deleted IS NULL AND EXISTS (SELECT FROM admitted)
    RETURNING id, title, system_prompt, parameters, pinned, archived, created, updated
), begun AS (
    INSERT INTO chat_chatsession
        (id, owner_id, title, system_prompt, parameters, pinned, archived, created, updated)
    SELECT %(new_session)s, %(owner)s, %(title)s, system_prompt, parameters, false, false, clock_timestamp(),
        clock_timestamp()
    FROM admitted WHERE %(session)s::uuid IS NULL
    RETURNING id, title, system_prompt, parameters, pinned, archived, created, updated
), session AS (
    SELECT * FROM gone_on UNION ALL SELECT * FROM begun
), accepted AS (
    INSERT INTO chat_interaction (
        id, session_id, parent_id, query_text, parameters, status, final_response_text, error_code, error_message,
        finish_reason, model_id, dropped_turns, idempotency_key, lease_owner, lease_expires_at, attempts,
        stop_requested, created)
    SELECT %(id)s, session.id, (SELECT id FROM followed), %(query)s, %(parameters)s, 'queued', '', '', '',
        '', '', 0, %(key)s, %(lease_owner)s,
        CASE %(lease_owner)s WHEN '' THEN NULL ELSE clock_timestamp() + make_interval(secs => %(lease_s)s) END,
        %(attempts)s, false, clock_timestamp()
    FROM session
    RETURNING parent_id, created
)
SELECT (SELECT id FROM asker), (SELECT id FROM twin), (SELECT answers FROM running), accepted.parent_id,
    accepted.created, session.*
FROM (VALUES (1)) AS one LEFT JOIN session ON true LEFT JOIN accepted ON true
"""  # noqa: S608 - constants of ours


class NoSuchAsker(PermissionDenied):
    """The account was deleted or deactivated since its owner logged in."""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks.

    Attributes:
        session_id: the session it goes on with; None begins one, under `title`.
        parameters: checked already.
        idempotency_key: "" for none.
    """

    owner_id: int
    session_id: UUID | None
    query: str
    title: str
    parameters: dict[str, Any]
    idempotency_key: str


def accept(question: Question, *, lease_owner: str, limit: int) -> tuple[Interaction, bool]:
    """Save a question for an answer leased to `lease_owner` ("": whoever looks for it), unless its owner has `limit`
    unfinished answers.

    Returns:
        The interaction with its session, and whether it is new: a question with a key seen before is the
        interaction that was made then.

    Raises:
        NoSuchAsker, TooManyRunning
        Http404: the session does not exist, or is somebody else's.
    """
    ids = {"id": uuid7(), "new_session": uuid7()}
    asker, twin, running, parent_id, created, *session = _execute(question, ids, lease_owner, limit)
    if asker is None:
        raise NoSuchAsker
    if twin is not None:
        return Interaction.objects.select_related("session").get(pk=twin), False
    if running >= limit:
        raise TooManyRunning(limit)
    if created is None:
        raise Http404
    interaction = Interaction(
        id=ids["id"],
        session=_session(question.owner_id, session),
        parent_id=parent_id,
        query_text=question.query,
        parameters=question.parameters,
        idempotency_key=question.idempotency_key or None,
        lease_owner=lease_owner,
        attempts=1 if lease_owner else 0,
        created=created,
    )
    interaction._state.adding = False
    return interaction, True


def _execute(question: Question, ids: dict[str, UUID], lease_owner: str, limit: int) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            ACCEPT,
            {
                **ids,
                "owner": question.owner_id,
                "session": question.session_id,
                "query": question.query,
                "title": question.title,
                "parameters": json.dumps(question.parameters),
                "key": question.idempotency_key or None,
                "lease_owner": lease_owner,
                "lease_s": LEASE_S,
                "attempts": 1 if lease_owner else 0,
                "limit": limit,
            },
        )
        cursor.nextset()
        row: tuple[Any, ...] = cursor.fetchone()
        return row


def _session(owner_id: int, columns: list[Any]) -> ChatSession:
    pk, title, system_prompt, parameters, pinned, archived, created, updated = columns
    session = ChatSession(
        id=pk,
        owner_id=owner_id,
        title=title,
        system_prompt=system_prompt,
        parameters=json.loads(parameters),
        pinned=pinned,
        archived=archived,
        created=created,
        updated=updated,
    )
    session._state.adding = False
    return session
