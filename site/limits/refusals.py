"""Why something is refused that is allowed at another time: what to say, and when to come back.

LimitReached
├── Throttled          too much in too short a time
├── QuotaExceeded      today's tokens are used up
└── chat.admission.TooManyRunning
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from limits.gcra import Standing

MINUTE_S, HOUR_S = 60, 3600
# Longer waits are told in minutes from here on, and in hours from there on.
MOST_SECONDS, MOST_MINUTES = 90, 90


class LimitReached(Exception):
    """Trying again helps, after `retry_after_s` seconds.

    Attributes:
        code: for programs.
        standings: the limits that it is about, for the headers.
    """

    code: ClassVar[str] = "throttled"
    retry_after_s: int
    standings: tuple[Standing, ...] = ()


class Throttled(LimitReached):
    """There was too much of something lately."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing)
        self.retry_after_s = max(1, math.ceil(standing.retry_after_s))
        self.standings = (standing,)

    def __str__(self) -> str:
        """In the language of whoever asks now."""
        name = self.standings[0].policy.name
        said = _("You have asked very often just now.") if name == "answers" else _("That was too much at once.")
        return f"{said} {try_again(self.retry_after_s)}"


class TooManyWrongPasswords(LimitReached):
    """A wrong password was given too often; says nothing of whether there is such an account."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = max(1, math.ceil(retry_after_s))

    def __str__(self) -> str:
        said = _("Too many log-ins have failed.")
        return f"{said} {try_again(self.retry_after_s)}"


class QuotaExceeded(LimitReached):
    """The user's tokens of today (by UTC) are used up.

    Attributes:
        used, allowed: tokens.
    """

    code = "quota_exceeded"

    def __init__(self, used: int, allowed: int) -> None:
        super().__init__(used, allowed)
        self.used, self.allowed = used, allowed
        self.retry_after_s = seconds_to_midnight()

    def __str__(self) -> str:
        said = _("You have used %(used)s tokens today, of which you have %(allowed)s a day.")
        return f"{said % {'used': self.used, 'allowed': self.allowed}} {try_again(self.retry_after_s)}"


def seconds_to_midnight() -> int:
    """Until the next day begins, by UTC; at least 1."""
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1, math.ceil((midnight - now).total_seconds()))


def try_again(seconds: int) -> str:
    """When to, in words: "Try again in 5 minutes." """
    if seconds <= MOST_SECONDS:
        return ngettext("Try again in %(count)s second.", "Try again in %(count)s seconds.", seconds) % {
            "count": seconds
        }
    minutes = math.ceil(seconds / MINUTE_S)
    if minutes <= MOST_MINUTES:
        return ngettext("Try again in %(count)s minute.", "Try again in %(count)s minutes.", minutes) % {
            "count": minutes
        }
    hours = math.ceil(seconds / HOUR_S)
    return ngettext("Try again in %(count)s hour.", "Try again in %(count)s hours.", hours) % {"count": hours}
