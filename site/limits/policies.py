"""How much of what, in which time: the numbers come from the environment. 0 there means that there is no limit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `limit` at once, and no more than that in `window_s` seconds in the long run. `name` is what headers call
    it."""

    name: str
    limit: int
    window_s: float

    @property
    def is_off(self) -> bool:
        return self.limit == 0

    @property
    def interval_s(self) -> float:
        """How long it takes until one more is allowed."""
        return self.window_s / self.limit


# Name → the variable that says how many, and in which time.
POLICIES = {
    # Of a user, with whatever: requests to the API and /v1; questions, on pages too.
    "user": ("requests_per_minute", MINUTE),
    "answers": ("answers_per_minute", MINUTE),
    # Of one personal API token, so that one program leaves something to its owner's others.
    "token": ("requests_per_minute_per_token", MINUTE),
    # Of an address: requests to the API by nobody who is known; forms of log-in and sign-up; accounts made.
    "address": ("anonymous_requests_per_minute", MINUTE),
    "log-ins": ("logins_per_minute", MINUTE),
    "sign-ups": ("signups_per_hour", HOUR),
    # Wrong passwords from an address, and for an account from wherever its owner has not been before.
    "wrong-from-address": ("wrong_passwords_per_address", HOUR),
    "wrong-for-account": ("wrong_passwords_per_account", DAY),
}


def policy(name: str) -> Policy:
    variable, window_s = POLICIES[name]
    return _policy(name, getattr(settings.ENV, variable), window_s)


@lru_cache(maxsize=1000)
def _policy(name: str, limit: int, window_s: float) -> Policy:
    return Policy(name, limit, window_s)
