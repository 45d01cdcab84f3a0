"""Tokens a day: how many somebody has used, and whether there are any left. Days are UTC's.

Stored answers are charged by the statement that saves their end (`chat.leases`), and a question is checked by the one
that accepts it (`chat.accepting`). What is here is for everything else: answers that are not stored, questions that are
accepted in a transaction of their own, and the numbers themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from threading import Lock

from django.conf import settings
from django.db import connection

from limits.models import Allowance, Usage
from limits.refusals import QuotaExceeded, seconds_to_midnight

# The owners out of %(owners)s who have used up what they have today, where everybody has %(tokens_per_day)s and some
# have another number: 0 for no limit.
OVER = """
SELECT usage.owner_id, usage.tokens AS used, allowed.tokens AS allowed
FROM (
    SELECT owner_id, prompt_tokens + generated_tokens AS tokens FROM limits_usage
    WHERE owner_id = ANY(%(owners)s::bigint[]) AND day = (clock_timestamp() AT TIME ZONE 'UTC')::date
) AS usage
LEFT JOIN limits_allowance own ON own.user_id = usage.owner_id
CROSS JOIN LATERAL (SELECT coalesce(own.tokens_per_day, %(tokens_per_day)s) AS tokens) AS allowed
WHERE allowed.tokens > 0 AND usage.tokens >= allowed.tokens
"""

# In one order, so that two that charge several owners never wait for each other.
CHARGE = """
INSERT INTO limits_usage AS u (owner_id, day, prompt_tokens, generated_tokens)
SELECT owner, (clock_timestamp() AT TIME ZONE 'UTC')::date, prompt, generated
FROM unnest(%(owners)s::bigint[], %(prompt)s::bigint[], %(generated)s::bigint[]) AS noted (owner, prompt, generated)
WHERE EXISTS (SELECT FROM accounts_user WHERE id = owner)
ORDER BY owner
ON CONFLICT (owner_id, day) DO UPDATE SET prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
    generated_tokens = u.generated_tokens + excluded.generated_tokens
"""

DAYS_TOLD = 30

# Prompt and generated tokens, by owner.
Noted = Mapping[int, tuple[int, int]]


def tokens_per_day() -> int:
    """What everybody has who has no number of their own; 0 where there is no quota at all."""
    allowed: int = settings.ENV.tokens_per_day
    return allowed


def check(owner_id: int) -> None:
    """One query where there is a quota, none where there is none.

    Raises:
        QuotaExceeded: today's tokens are used up.
    """
    [outcome] = over([owner_id])
    if outcome is not None:
        raise outcome


def over(owner_ids: Sequence[int]) -> list[QuotaExceeded | None]:
    """For each of these, in order, the reason to refuse, or None."""
    if not tokens_per_day():
        return [None] * len(owner_ids)
    with connection.cursor() as cursor:
        cursor.execute(OVER, {"owners": list(owner_ids), "tokens_per_day": tokens_per_day()})
        found = {owner: QuotaExceeded(used, allowed) for owner, used, allowed in cursor.fetchall()}
    return [found.get(owner_id) for owner_id in owner_ids]


def charge(noted: Noted) -> None:
    """Count these tokens today. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            CHARGE,
            {
                "owners": list(noted),
                "prompt": [prompt for prompt, _ in noted.values()],
                "generated": [generated for _, generated in noted.values()],
            },
        )


class Ledger:
    """What answers that are not stored have used, until `limits.settling` writes it. For any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._noted: dict[int, tuple[int, int]] = {}
        self.on_noted: Callable[[], None] | None = None

    def note(self, *, owner_id: int, prompt_tokens: int, generated_tokens: int) -> None:
        """Does not wait for anything."""
        self.give_back({owner_id: (prompt_tokens, generated_tokens)})
        if self.on_noted is not None:
            self.on_noted()

    def take(self) -> dict[int, tuple[int, int]]:
        with self._lock:
            taken, self._noted = self._noted, {}
        return taken

    def give_back(self, noted: Noted) -> None:
        with self._lock:
            for owner_id, (prompt, generated) in noted.items():
                before = self._noted.get(owner_id, (0, 0))
                self._noted[owner_id] = (before[0] + prompt, before[1] + generated)


ledger = Ledger()


@dataclass(frozen=True, slots=True)
class Day:
    """What was used on a day."""

    day: date
    prompt_tokens: int = 0
    generated_tokens: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.generated_tokens


def allowed_for(owner_id: int) -> int:
    """How many tokens a day this user has; 0 for no limit."""
    if not tokens_per_day():
        return 0
    own = Allowance.objects.filter(user_id=owner_id).values_list("tokens_per_day", flat=True).first()
    return tokens_per_day() if own is None else own


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a user has used, and what is left.

    Attributes:
        tokens_per_day: the limit; None where there is none, as `tokens_left` then.
        resets_in_s: seconds until the next day.
        days: those on which something was used, newest first.
    """

    today: Day
    tokens_per_day: int | None
    resets_in_s: int
    days: list[Day]

    @property
    def tokens_left(self) -> int | None:
        return None if self.tokens_per_day is None else max(self.tokens_per_day - self.today.tokens, 0)


def numbers_of(owner_id: int) -> Numbers:
    """Two queries."""
    today = datetime.now(UTC).date()
    rows = Usage.objects.filter(owner_id=owner_id, day__gt=today - timedelta(days=DAYS_TOLD)).order_by("-day")
    days = [Day(row.day, row.prompt_tokens, row.generated_tokens) for row in rows]
    used_today = next((day for day in days if day.day == today), Day(today))
    return Numbers(used_today, allowed_for(owner_id) or None, seconds_to_midnight(), days)
