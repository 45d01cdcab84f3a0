"""Questions accepted, in one round trip to the database for all that come together: everything that has to hold is
looked at and everything that is written is written by the statement below. Asking is what happens most and all at
once, so its cost is the site's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404

from chat.admission import LOCK, RUNNING, TooManyRunning
from chat.leases import LEASE_S
from chat.models import ChatSession, Interaction, uuid7
from limits import quota
from limits.refusals import QuotaExceeded

SESSION = "id, title, system_prompt, parameters, pinned, archived, created, updated"

# Two statements in one message, so one transaction. The first lets one owner's questions be accepted one after the
# other, in all processes: the second's snapshot is taken after it, so it sees a twin of a question, the answers that
# run already, and the question that one follows. The questions that go together are of different owners.
ACCEPT_WITHIN = f"""
{LOCK};
WITH over AS (%%(over)s), asked AS (
    SELECT * FROM unnest(
        %(ids)s::uuid[], %(new_sessions)s::uuid[], %(owners)s::bigint[], %(sessions)s::uuid[], %(queries)s::text[],
        %(titles)s::text[], %(parameters)s::jsonb[], %(keys)s::text[], %(after)s::uuid[], %(generations)s::integer[],
        %(prompts)s::text[]
    ) AS asked (
        id, new_session, owner_id, session_id, query, title, parameters, key, after, generation, own_prompt)
), asker AS (
    SELECT u.id, u.system_prompt, u.parameters FROM asked JOIN accounts_user u ON u.id = asked.owner_id
    WHERE is_active AND token_generation = coalesce(asked.generation, token_generation)
), twin AS (
    SELECT DISTINCT ON (asked.id) asked.id AS asked_id, i.id FROM asked
    JOIN chat_chatsession s ON s.owner_id = asked.owner_id AND s.deleted IS NULL
        AND (asked.session_id IS NULL OR s.id = asked.session_id)
    JOIN chat_interaction i ON i.session_id = s.id AND i.idempotency_key = asked.key
), running AS (
    {RUNNING}
), followed AS (  -- what each question follows: the one that it names, or the newest of its session
    SELECT asked.id AS asked_id, i.id FROM asked CROSS JOIN LATERAL (
        SELECT i.id FROM chat_interaction i
        WHERE i.session_id = asked.session_id AND (asked.after IS NULL OR i.id = asked.after)
        ORDER BY i.created DESC, i.id DESC LIMIT 1
    ) AS i
), admitted AS (
    SELECT asked.*, coalesce(asked.own_prompt, asker.system_prompt) AS system_prompt,
        asker.parameters AS session_parameters
    FROM asked JOIN asker ON asker.id = asked.owner_id LEFT JOIN running ON running.owner_id = asked.owner_id
    WHERE coalesce(answers, 0) < %(limit)s AND NOT EXISTS (SELECT FROM over WHERE owner_id = asked.owner_id)
        AND NOT EXISTS (SELECT FROM twin WHERE asked_id = asked.id)
        AND (asked.after IS NULL OR asked.session_id IS NULL
            OR EXISTS (SELECT FROM followed WHERE asked_id = asked.id))
), gone_on AS (
    UPDATE chat_chatsession s
    SET updated = clock_timestamp(), archived = false, title = CASE s.title WHEN '' THEN admitted.title ELSE s.title END
    FROM admitted WHERE s.id = admitted.session_id AND s.owner_id = admitted.owner_id AND s.deleted IS NULL
    RETURNING s.owner_id, {", ".join(f"s.{name}" for name in SESSION.split(", "))}
), begun AS (
    INSERT INTO chat_chatsession (owner_id, {SESSION})
    SELECT owner_id, new_session, title, system_prompt, session_parameters, false, false, clock_timestamp(),
        clock_timestamp()
    FROM admitted WHERE session_id IS NULL
    RETURNING owner_id, {SESSION}
), session AS (  -- by their owners, too: somebody else may ask in the same session at the same time
    SELECT * FROM gone_on UNION ALL SELECT * FROM begun
), accepted AS (
    INSERT INTO chat_interaction (
        id, session_id, parent_id, query_text, parameters, status, final_response_text, error_code, error_message,
        finish_reason, model_id, dropped_turns, idempotency_key, lease_owner, lease_expires_at, attempts,
        stop_requested, created)
    SELECT admitted.id, session.id,
        (SELECT followed.id FROM followed WHERE asked_id = admitted.id),
        query, admitted.parameters, 'queued', '', '', '', '', '', 0, key, %(lease_owner)s,
        CASE %(lease_owner)s WHEN '' THEN NULL ELSE clock_timestamp() + make_interval(secs => %(lease_s)s) END,
        %(attempts)s, false, clock_timestamp()
    FROM admitted JOIN session
        ON session.id = coalesce(admitted.session_id, admitted.new_session) AND session.owner_id = admitted.owner_id
    RETURNING id, parent_id, created
)
SELECT asked.id, asker.id, twin.id, coalesce(answers, 0), over.used, over.allowed, accepted.parent_id, accepted.created,
    EXISTS (SELECT FROM followed JOIN chat_interaction i ON i.parent_id = followed.id WHERE asked_id = asked.id),
    {", ".join(f"session.{name}" for name in SESSION.split(", "))}
FROM asked LEFT JOIN asker ON asker.id = asked.owner_id LEFT JOIN twin ON twin.asked_id = asked.id
    LEFT JOIN running ON running.owner_id = asked.owner_id
    LEFT JOIN over ON over.owner_id = asked.owner_id
    LEFT JOIN session
        ON session.id = coalesce(asked.session_id, asked.new_session) AND session.owner_id = asked.owner_id
    LEFT JOIN accepted ON accepted.id = asked.id
"""  # noqa: S608 - constants of ours
# Where there is no quota nothing is looked up for one.
NOBODY = "SELECT NULL::bigint AS owner_id, NULL::bigint AS used, NULL::bigint AS allowed WHERE false"
ACCEPT = ACCEPT_WITHIN.replace("%%(over)s", NOBODY)
ACCEPT_BY_QUOTA = ACCEPT_WITHIN.replace("%%(over)s", quota.OVER)


class NoSuchAsker(PermissionDenied):
    """The account was deleted or deactivated since its owner logged in, or the token of a program was revoked."""


class NothingToFollow(Http404):
    """The question that this one was to follow is not in the session, or no more."""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks.

    Attributes:
        session_id: the session it goes on with; None begins one, under `title`.
        parameters: checked already.
        idempotency_key: "" for none.
        after: the interaction of the session that it follows; None for the newest.
        generation: which one the account's access tokens must still be of; None where none is used.
        system_prompt: of the session that it begins; None for its owner's own.
    """

    owner_id: int
    session_id: UUID | None
    query: str
    title: str
    parameters: dict[str, Any]
    idempotency_key: str
    after: UUID | None = None
    generation: int | None = None
    system_prompt: str | None = None


# A question and whether it is new: one with a key seen before is the interaction that was made then.
Accepted = tuple[Interaction, bool]


def accept(questions: Sequence[Question], *, lease_owner: str, limit: int) -> list[Accepted | Exception]:
    """Save questions of different owners for answers leased to `lease_owner` ("": whoever looks for them), each unless
    its owner has `limit` unfinished answers.

    Returns:
        For each question, in order, its interaction with its session and whether it is new; or why it was refused:
        NoSuchAsker, QuotaExceeded, TooManyRunning, NothingToFollow where `after` is not in the session, or Http404
        where that does not exist or is somebody else's.
    """
    ids = [uuid7() for _ in questions]
    found = _execute(questions, ids, lease_owner, limit)
    return [_outcome(question, found[id_], lease_owner, limit) for question, id_ in zip(questions, ids, strict=True)]


def _outcome(question: Question, row: tuple[Any, ...], lease_owner: str, limit: int) -> Accepted | Exception:
    id_, asker, twin, running, used, allowed, parent_id, created, has_siblings, *session = row
    if asker is None:
        return NoSuchAsker()
    if twin is not None:
        return Interaction.objects.select_related("session").get(pk=twin), False
    if used is not None:
        return QuotaExceeded(used, allowed)
    if running >= limit:
        return TooManyRunning(limit)
    if created is None:
        return NothingToFollow() if question.after else Http404()
    interaction = Interaction(
        id=id_,
        session=_session(question.owner_id, session),
        parent_id=parent_id,
        query_text=question.query,
        parameters=question.parameters,
        idempotency_key=question.idempotency_key or None,
        lease_owner=lease_owner,
        attempts=1 if lease_owner else 0,
        rating_comment="",
        created=created,
    )
    interaction._state.adding = False
    interaction.has_siblings = has_siblings
    return interaction, True


def _execute(
    questions: Sequence[Question], ids: Sequence[UUID], lease_owner: str, limit: int
) -> dict[UUID, tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            ACCEPT_BY_QUOTA if quota.tokens_per_day() else ACCEPT,
            {
                "ids": list(ids),
                "new_sessions": [uuid7() for _ in ids],
                "owners": [question.owner_id for question in questions],
                "sessions": [question.session_id for question in questions],
                "queries": [question.query for question in questions],
                "titles": [question.title for question in questions],
                "parameters": [json.dumps(question.parameters) for question in questions],
                "keys": [question.idempotency_key or None for question in questions],
                "after": [question.after for question in questions],
                "generations": [question.generation for question in questions],
                "prompts": [question.system_prompt for question in questions],
                "lease_owner": lease_owner,
                "lease_s": LEASE_S,
                "attempts": 1 if lease_owner else 0,
                "limit": limit,
                "tokens_per_day": quota.tokens_per_day(),
            },
        )
        cursor.nextset()
        return {row[0]: row for row in cursor.fetchall()}


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
