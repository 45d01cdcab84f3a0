"""Log-ins and sign-ups, counted exactly and before the password is looked at: of any number of guesses made at once, in
any number of processes, no more get through than may.

A guess has to pass three counters, and takes from all of them or from none:

    the account, from there   after a few wrong passwords every further one has to wait, each time twice as long.
                              "There" is an address; or a browser from which this account was logged in before, see
                              `devices`
    the address               wrong passwords for all accounts together, and log-ins a minute, right or wrong
    the account, overall      wrong passwords from all addresses together

The last one bounds a guesser with many addresses. Whoever has run into it keeps its owner out with it, but only from
where the owner has never been: it does not count for a browser that is known, nor for an address from which the account
was logged in in the last 30 days, and a known browser does not have to pass the address's counter either. So nobody is
locked out of what they use by somebody else. From anywhere else `manage.py unlock` helps.

The right password gives back what it took. What is said is the same whether there is such an account or not.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from limits.gcra import Standing, spend
from limits.models import Attempt
from limits.policies import Policy, policy
from limits.refusals import LimitReached, Throttled, TooManyWrongPasswords

# Seconds after the last wrong password that is taken without a wait; twice as long after each further one.
FIRST_WAIT_S, LONGEST_WAIT_S = 30.0, 3600.0
# Wrong passwords are forgotten when there was none for this long.
FORGOTTEN_AFTER = timedelta(days=1)
KNOWN_FOR = timedelta(days=30)

# In one order, so that two that come at the same time never wait for each other.
LOCK = """
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended('attempts ' || key, 0) AS key FROM unnest(%s::text[]) AS key ORDER BY key
) AS keys
"""


@dataclass(frozen=True, slots=True)
class Guess:
    """A password that is about to be looked at.

    Attributes:
        account: whose it is said to be, as it was typed.
        address: where it comes from, see `limits.addresses`.
        device: the browser it comes from, where that account was logged in with it before; "" for all others.
    """

    account: str
    address: str
    device: str = ""

    @property
    def _account(self) -> str:
        return unicodedata.normalize("NFKC", self.account)

    @property
    def from_there(self) -> str:
        return _key("device", self._account, self.device) if self.device else _key("from", self._account, self.address)

    @property
    def from_address(self) -> str:
        return _key("wrong from", self.address)

    @property
    def log_ins(self) -> str:
        return _key("log-ins from", self.address)

    @property
    def for_account(self) -> str:
        return _key("wrong for", self._account)

    @property
    def known(self) -> str:
        """Of the row that says that the account was logged in from there."""
        return _key("known", self._account, self.address)

    def keys(self) -> list[str]:
        if self.device:
            return [self.from_there]
        return [self.from_there, self.from_address, self.log_ins, self.for_account, self.known]


def account_key(account: str) -> str:
    """How the rows of an account are found."""
    return _key("account", unicodedata.normalize("NFKC", account))


def address_key(address: str) -> str:
    return _key("address", address)


def _key(*parts: str) -> str:
    """Names and addresses are not kept where nothing but equality is asked of them."""
    return salted_hmac("limits.attempts", "\0".join(parts), algorithm="sha256").hexdigest()


@transaction.atomic
def begin(guess: Guess) -> None:
    """Take what a guess takes, before the password is looked at.

    Raises:
        TooManyWrongPasswords, Throttled: it must not be looked at now. Nothing was taken, so asking again and again
            does not make the wait longer.
    """
    rows, now = _locked(guess.keys())
    changed = [_one_more_wrong(guess, rows.get(guess.from_there), now)]
    if not guess.device:
        changed += _taken_from_budgets(guess, rows, now)
    _save(changed)


def _one_more_wrong(guess: Guess, row: Attempt | None, now: datetime) -> Attempt:
    if row is None or row.kept_until < now:
        row = Attempt(key=guess.from_there, until=now)
    if row.until > now:
        raise TooManyWrongPasswords((row.until - now).total_seconds())
    row.account, row.address = account_key(guess.account), address_key(guess.address)
    row.count += 1
    row.until = now + timedelta(seconds=_wait_after(row.count))
    row.kept_until = now + FORGOTTEN_AFTER
    return row


def _wait_after(count: int) -> float:
    """Seconds to wait after so many wrong passwords in a row."""
    free: int = settings.ENV.wrong_passwords
    if not free or count < free:
        return 0.0
    return float(min(FIRST_WAIT_S * 2 ** min(count - free, 20), LONGEST_WAIT_S))


def _taken_from_budgets(guess: Guess, rows: dict[str, Attempt], now: datetime) -> list[Attempt]:
    """Of the address and, where it is not known to be the owner's, of the account."""
    account, address = account_key(guess.account), address_key(guess.address)
    known = rows.get(guess.known)
    budgets = [
        (policy("log-ins"), Attempt(key=guess.log_ins, address=address)),
        (policy("wrong-from-address"), Attempt(key=guess.from_address, address=address)),
    ]
    if known is None or known.kept_until < now:
        budgets.append((policy("wrong-for-account"), Attempt(key=guess.for_account, account=account)))
    return [row for one, fresh in budgets if (row := _take(one, rows.get(fresh.key) or fresh, now))]


def _take(policy: Policy, row: Attempt, now: datetime) -> Attempt | None:
    if policy.is_off:
        return None
    until, standing, is_allowed = spend(policy, row.until.timestamp() if row.until else 0.0, now.timestamp())
    if not is_allowed:
        raise _refusal(standing)
    row.until = row.kept_until = now + timedelta(seconds=until - now.timestamp())
    return row


def _refusal(standing: Standing) -> LimitReached:
    if standing.policy.name.startswith("wrong"):
        return TooManyWrongPasswords(standing.retry_after_s)
    return Throttled(standing)


@transaction.atomic
def succeeded(guess: Guess) -> None:
    """The password was right: give back what the guess took as a wrong one, and remember the address."""
    rows, now = _locked([guess.from_there, guess.from_address, guess.for_account, guess.known])
    Attempt.objects.filter(key=guess.from_there).delete()
    given_back = [
        _given_back(policy("wrong-from-address"), rows.get(guess.from_address)),
        _given_back(policy("wrong-for-account"), rows.get(guess.for_account)),
    ]
    _save([_known(guess, now), *([] if guess.device else [row for row in given_back if row])])


@transaction.atomic
def remember(guess: Guess) -> None:
    """The account belongs to somebody there: it was made from there."""
    _, now = _locked([guess.known])
    _save([_known(guess, now)])


def _known(guess: Guess, now: datetime) -> Attempt:
    account, address = account_key(guess.account), address_key(guess.address)
    return Attempt(key=guess.known, account=account, address=address, until=now, kept_until=now + KNOWN_FOR)


def _given_back(policy: Policy, row: Attempt | None) -> Attempt | None:
    if row is None or policy.is_off:
        return None
    row.until -= timedelta(seconds=policy.interval_s)
    return row


def take_sign_up(address: str) -> None:
    """Before an account is made.

    Raises:
        Throttled: as many were made from there as may be.
    """
    _take_one(policy("sign-ups"), _key("sign-ups from", address), address)


def take_form(address: str) -> None:
    """A form of sign-up, good or not: it counts as a log-in, since it says as well which names there are.

    Raises:
        Throttled
    """
    _take_one(policy("log-ins"), Guess("", address).log_ins, address)


@transaction.atomic
def _take_one(policy: Policy, key: str, address: str) -> None:
    rows, now = _locked([key])
    row = _take(policy, rows.get(key) or Attempt(key=key, address=address_key(address)), now)
    _save([row] if row else [])


def unlock(*, account: str | None = None, address: str | None = None) -> int:
    """Forget all wrong passwords: of an account, from an address, or all. Returns how many counters were cleared. What
    is known of where accounts were logged in stays."""
    rows = Attempt.objects.exclude(count=0, until__lt=Now())
    if account is not None:
        rows = rows.filter(account=account_key(account))
    if address is not None:
        rows = rows.filter(address=address_key(address))
    return rows.delete()[0]


def purge() -> None:
    """Delete what says nothing any more."""
    Attempt.objects.filter(Q(kept_until__lt=Now())).delete()


def _locked(keys: Sequence[str]) -> tuple[dict[str, Attempt], datetime]:
    """The rows with these keys, which are nobody else's until this transaction ends, and the time then: by the
    database's clock, which all processes share."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [list(keys)])
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return Attempt.objects.in_bulk(list(keys)), now


def _save(rows: Sequence[Attempt]) -> None:
    Attempt.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["account", "address", "count", "until", "kept_until"],
    )
