"""How many answers one user may have running, so that nobody fills the model's queue alone."""

from __future__ import annotations

from django.conf import settings
from django.db import connection
from django.utils.translation import ngettext

from limits import quota
from limits.refusals import LimitReached

RETRY_AFTER_S = 5

# In one order, so that two that lock several owners never wait for each other.
LOCK = """
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended('questions of ' || owner, 0) AS key FROM unnest(%(owners)s::bigint[]) AS owner
    ORDER BY key
) AS keys
"""

# The partial index on unfinished interactions answers this; there are few of them, and of those that are not stored
# (`chat.unstored`).
RUNNING = """
SELECT owner_id, count(*) AS answers FROM (
    SELECT s.owner_id FROM chat_interaction i JOIN chat_chatsession s ON s.id = i.session_id
    WHERE i.status IN ('queued', 'generating') AND s.owner_id = ANY(%(owners)s::bigint[])
    UNION ALL
    SELECT owner_id FROM limits_unstored WHERE owner_id = ANY(%(owners)s::bigint[]) AND until > clock_timestamp()
) AS unfinished GROUP BY owner_id
"""


class TooManyRunning(LimitReached):
    """The user has as many unfinished answers as one may have; trying again helps once one has ended.

    Attributes:
        limit: how many that is.
        retry_after_s: seconds after which it is worth trying.
    """

    code = "too_many_running"
    retry_after_s = RETRY_AFTER_S

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        """In the language of whoever asks now."""
        return ngettext(
            "%(count)s of your answers is still being written, which is as many as may run at once. Wait for it to "
            "end, or stop it.",
            "%(count)s of your answers are still being written, which is as many as may run at once. Wait for one of "
            "them to end, or stop it.",
            self.limit,
        ) % {"count": self.limit}


def limit() -> int:
    """How many unfinished answers one user may have."""
    allowed: int = settings.ENV.answers_per_user
    return allowed


def lock_owner(owner_id: int) -> None:
    """Let what changes the owner's conversations happen one after the other, in all processes, until this transaction
    ends: two at once cannot both take the last place, and nothing is asked after a turn that is being deleted.
    `accepting` takes the same lock."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, {"owners": [owner_id]})


def admit(owner_id: int) -> None:
    """Call it after `lock_owner`.

    Raises:
        TooManyRunning: see there.
        QuotaExceeded: the owner's tokens of today are used up.
    """
    quota.check(owner_id)
    with connection.cursor() as cursor:
        cursor.execute(RUNNING, {"owners": [owner_id]})
        found = cursor.fetchone()
        if found is not None and found[1] >= limit():
            raise TooManyRunning(limit())
