"""Who may write which answer: leases on interactions, by the database's clock. Synchronous; one statement each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

LEASE_S = 10
MAX_ATTEMPTS = 3

RENEW = """
WITH running AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(statuses)s::text[], %(starts)s::int[], %(texts)s::text[],
        %(generated_tokens)s::int[], %(first_token_ms)s::int[], %(duration_ms)s::int[])
        AS r (id, status, start, text, generated_tokens, first_token_ms, duration_ms)
), held AS (
    UPDATE chat_interaction i
    SET lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s), status = r.status,
        generated_tokens = r.generated_tokens, first_token_ms = r.first_token_ms, duration_ms = r.duration_ms
    FROM running r
    WHERE i.id = r.id AND i.lease_owner = %(owner)s AND i.status IN ('queued', 'generating')
    RETURNING i.id, i.stop_requested
), logged AS (
    INSERT INTO chat_responsechunk (interaction_id, "offset", text)
    SELECT r.id, r.start, r.text FROM running r JOIN held USING (id) WHERE r.text <> ''
    -- A commit whose acknowledgement was lost is written again, with what came since.
    ON CONFLICT (interaction_id, "offset") DO UPDATE SET text = excluded.text
)
SELECT id, stop_requested FROM held
"""

FINISH = """
WITH ended AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS r (
        id uuid, status text, final_response_text text, error_code text, error_message text, finish_reason text,
        model_id text, seed bigint, prompt_tokens int, generated_tokens int, first_token_ms int, duration_ms int,
        dropped_turns int)
), saved AS (
    UPDATE chat_interaction i
    SET status = r.status, final_response_text = r.final_response_text, error_code = r.error_code,
        error_message = r.error_message, finish_reason = r.finish_reason, model_id = r.model_id, seed = r.seed,
        prompt_tokens = r.prompt_tokens, generated_tokens = r.generated_tokens, first_token_ms = r.first_token_ms,
        duration_ms = r.duration_ms, dropped_turns = r.dropped_turns, finished = clock_timestamp(),
        lease_owner = '', lease_expires_at = NULL, charged_tokens = coalesce(r.generated_tokens, 0)
    FROM ended r JOIN chat_interaction before ON before.id = r.id
    WHERE i.id = r.id AND i.lease_owner = %(owner)s AND i.status IN ('queued', 'generating')
    RETURNING i.id, i.finished, i.session_id, coalesce(r.prompt_tokens, 0) AS prompt,
        greatest(coalesce(r.generated_tokens, 0) - before.charged_tokens, 0) AS generated
), charged AS (  -- see limits.quota; of an answer that was continued the part before is charged already
    INSERT INTO limits_usage AS u (owner_id, day, prompt_tokens, generated_tokens)
    SELECT s.owner_id, (clock_timestamp() AT TIME ZONE 'UTC')::date, sum(saved.prompt), sum(saved.generated)
    FROM saved JOIN chat_chatsession s ON s.id = saved.session_id
    GROUP BY s.owner_id ORDER BY s.owner_id
    ON CONFLICT (owner_id, day) DO UPDATE SET prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
        generated_tokens = u.generated_tokens + excluded.generated_tokens
), cleared AS (
    DELETE FROM chat_responsechunk c USING saved WHERE c.interaction_id = saved.id
)
SELECT id, finished FROM saved
"""

TAKE_OVER = """
UPDATE chat_interaction
SET lease_owner = %(owner)s, lease_expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s),
    attempts = attempts + 1
WHERE id IN (
    SELECT id FROM chat_interaction
    WHERE status IN ('queued', 'generating')
      AND (lease_expires_at IS NULL OR lease_expires_at < clock_timestamp())
    ORDER BY created LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""

# A hand-over is not a failed attempt: the next holder starts with as many left as this one had.
RELEASE = """
UPDATE chat_interaction SET lease_owner = '', lease_expires_at = NULL, attempts = greatest(attempts - 1, 0)
WHERE lease_owner = %(owner)s AND status IN ('queued', 'generating')
"""

# From the piece on in which the known text ends: a piece that was written again may have become longer since.
READ_LOG = """
SELECT i.id, i.status, i.lease_owner, CASE i.status WHEN 'queued' THEN (
        SELECT count(*) FROM chat_interaction q WHERE q.status = 'queued' AND q.created < i.created) END,
    coalesce(string_agg(substr(c.text, greatest(f.seen - c."offset", 0) + 1), '' ORDER BY c."offset"), '')
FROM unnest(%(ids)s::uuid[], %(seen)s::int[]) AS f (id, seen)
JOIN chat_interaction i ON i.id = f.id
LEFT JOIN chat_responsechunk c ON c.interaction_id = i.id AND c."offset" >= (
    SELECT max(b."offset") FROM chat_responsechunk b WHERE b.interaction_id = i.id AND b."offset" <= f.seen
)
GROUP BY i.id, i.status, i.lease_owner
"""

PLACE = """
SELECT count(*) FROM chat_interaction q, chat_interaction i
WHERE i.id = %(id)s AND q.status = 'queued' AND q.created < i.created
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """New text of a running answer: `text` starts `start` characters into it. The counts are for whoever has to go on
    with it."""

    id: UUID
    status: str
    start: int
    text: str
    generated_tokens: int | None = None
    first_token_ms: int | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """An answer as its log tells it: who makes it, `place` in line while it is queued, and the `text` not known yet."""

    status: str
    lease_owner: str
    place: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How an answer ended: the columns of Interaction that its end fills."""

    id: UUID
    status: str
    final_response_text: str
    error_code: str = ""
    error_message: str = ""
    finish_reason: str = ""
    model_id: str = ""
    seed: int | None = None
    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    first_token_ms: int | None = None
    duration_ms: int | None = None
    dropped_turns: int = 0


def renew(*, owner: str, progress: Sequence[Progress]) -> dict[UUID, bool]:
    """Append the new texts to the log and renew the leases, all in one statement.

    Returns:
        For each answer still held: whether a stop was asked for. An answer missing here is somebody else's
        now, or deleted.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            RENEW,
            {
                "owner": owner,
                "lease_s": LEASE_S,
                "ids": [item.id for item in progress],
                "statuses": [item.status for item in progress],
                "starts": [item.start for item in progress],
                "texts": [item.text for item in progress],
                "generated_tokens": [item.generated_tokens for item in progress],
                "first_token_ms": [item.first_token_ms for item in progress],
                "duration_ms": [item.duration_ms for item in progress],
            },
        )
        return dict(cursor.fetchall())


def finish(*, owner: str, ended: Sequence[Ended]) -> dict[UUID, datetime]:
    """Save how answers ended and clear their logs, in one statement. Returns when, for each one still held."""
    rows = json.dumps([{name: getattr(item, name) for name in Ended.__slots__} for item in ended], default=str)
    with connection.cursor() as cursor:
        cursor.execute(FINISH, {"owner": owner, "rows": rows})
        return dict(cursor.fetchall())


def take_over(*, owner: str, limit: int) -> list[UUID]:
    """Lease answers that nobody holds, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE_OVER, {"owner": owner, "lease_s": LEASE_S, "limit": limit})
        return [row[0] for row in cursor.fetchall()]


def release(*, owner: str) -> None:
    """Give back all leases of this owner, so that another process may continue at once."""
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, {"owner": owner})


def place_in_line(interaction_id: UUID) -> int:
    """How many answers are queued that were asked for before this one."""
    with connection.cursor() as cursor:
        cursor.execute(PLACE, {"id": interaction_id})
        return int(cursor.fetchone()[0])


def read_log(seen: Sequence[tuple[UUID, int]]) -> dict[UUID, Logged]:
    """Read on in several answers' logs at once.

    Args:
        seen: interaction and the number of its characters known already.

    Returns:
        What there is for each interaction that exists.
    """
    with connection.cursor() as cursor:
        cursor.execute(READ_LOG, {"ids": [item[0] for item in seen], "seen": [item[1] for item in seen]})
        return {row[0]: Logged(*row[1:]) for row in cursor.fetchall()}
