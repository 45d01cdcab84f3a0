"""How many answers one user may have running, so that nobody fills the model's queue alone."""

from __future__ import annotations

from django.conf import settings
from django.db import connection

from accounts.models import User

RETRY_AFTER_S = 5

# The partial index on unfinished interactions answers this; there are few of them.
RUNNING = """
SELECT count(*) FROM chat_interaction i JOIN chat_chatsession s ON s.id = i.session_id
WHERE i.status IN ('queued', 'generating') AND s.owner_id = %(owner)s
"""


class TooManyRunning(Exception):
    """The user has as many unfinished answers as one may have; trying again helps once one has ended.

    Attributes:
        limit: how many that is.
        retry_after_s: seconds after which it is worth trying.
    """

    retry_after_s = RETRY_AFTER_S

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit} of your answers are still being written, which is as many as may run at once. "
            "Wait for one of them to end, or stop it."
        )
        self.limit = limit


def lock_owner(owner: User) -> None:
    """Let the owner's questions be accepted one after the other, until this transaction ends: so that a twin of this
    one is seen, and two at once cannot both take the last place."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"questions of {owner.pk}"])


def admit(owner: User) -> None:
    """Call it after `lock_owner`.

    Raises:
        TooManyRunning: see there.
    """
    limit: int = settings.ENV.answers_per_user
    with connection.cursor() as cursor:
        cursor.execute(RUNNING, {"owner": owner.pk})
        if cursor.fetchone()[0] >= limit:
            raise TooManyRunning(limit)
