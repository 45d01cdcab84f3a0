"""The generous limits, in the memory of this process: requests and questions are allowed or refused without asking the
database, and what was spent is made known to the other processes a moment later (`limits.settling`).

So between two settlements, a tenth of a second, each process knows only its own: a user may get that much more than the
limit for each further process. It is not a gift: what all of them spent is in the shared number, so whoever overdraws
waits longer. What has to be exact at every moment, log-in and sign-up, is in `limits.attempts`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from django.db.models.functions import Now

from limits.gcra import Standing, spend
from limits.models import Spent
from limits.policies import Policy, policy
from limits.refusals import Throttled

# Keys that have all of their allowance again are forgotten, from this many on.
SWEEP_FROM = 2000


@dataclass(slots=True)
class Entry:
    """`until`: see `limits.gcra`, by this process's clock; `unsettled`: how much of it others do not know yet, in
    seconds."""

    until: float = 0.0
    unsettled: float = 0.0


class Allowances:
    """What is left of every key's allowance, as far as this process knows. For any thread.

    Attributes:
        on_spent: called when there is something to settle again; must not block.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._entries: dict[str, Entry] = {}
        self._unsettled: set[str] = set()
        self.on_spent: Callable[[], None] | None = None

    def spend(self, policy: Policy, key: str) -> Standing | None:
        """Take one; None where the policy is off.

        Raises:
            Throttled: there is none left.
        """
        if policy.is_off:
            return None
        name = f"{policy.name}:{key}"
        with self._lock:
            entry = self._entries.get(name) or Entry()
            entry.until, standing, is_allowed = spend(policy, entry.until, self._clock())
            if not is_allowed:
                raise Throttled(standing)
            entry.unsettled += policy.interval_s
            self._entries[name] = entry
            is_first = not self._unsettled
            self._unsettled.add(name)
        if is_first and self.on_spent is not None:
            self.on_spent()
        return standing

    def take_unsettled(self) -> dict[str, float]:
        """What was spent since the last time, in seconds by key. It is the caller's now: to settle, or to give back."""
        with self._lock:
            taken = {name: self._entries[name].unsettled for name in self._unsettled}
            for name in taken:
                self._entries[name].unsettled = 0.0
            self._unsettled.clear()
            self._sweep()
        return taken

    def give_back(self, taken: Mapping[str, float]) -> None:
        """It could not be settled now."""
        with self._lock:
            for name, seconds in taken.items():
                self._entries.setdefault(name, Entry()).unsettled += seconds
                self._unsettled.add(name)

    def learn(self, ahead: Mapping[str, float]) -> None:
        """Take over what all processes together have spent: how many seconds ahead of now `until` is, by key."""
        with self._lock:
            now = self._clock()
            for name, seconds in ahead.items():
                entry = self._entries.setdefault(name, Entry())
                entry.until = now + seconds + entry.unsettled

    def _sweep(self) -> None:
        if len(self._entries) >= SWEEP_FROM:
            now = self._clock()
            self._entries = {name: entry for name, entry in self._entries.items() if entry.until > now}

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._unsettled.clear()


allowances = Allowances()


def forget_full() -> None:
    """Delete, for all processes, the keys that have all of their allowance again."""
    Spent.objects.filter(until__lt=Now()).delete()


def spend_request(*, user_id: int, token_id: int | None = None) -> tuple[Standing, ...]:
    """A request of a user to the API, perhaps with a personal token.

    Raises:
        Throttled
    """
    of_token = allowances.spend(policy("token"), str(token_id)) if token_id is not None else None
    of_user = allowances.spend(policy("user"), str(user_id))
    return tuple(one for one in (of_user, of_token) if one is not None)


def spend_anonymous_request(*, address: str) -> tuple[Standing, ...]:
    """A request to the API of nobody who is known.

    Raises:
        Throttled
    """
    standing = allowances.spend(policy("address"), address)
    return () if standing is None else (standing,)


def spend_answer(*, user_id: int) -> None:
    """A question that the model has to answer, from wherever it comes.

    Raises:
        Throttled
    """
    allowances.spend(policy("answers"), str(user_id))
