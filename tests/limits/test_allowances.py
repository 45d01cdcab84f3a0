"""The arithmetic of limits, and counting in the memory of several processes that settle with each other."""

from __future__ import annotations

import pytest

from limits.allowances import Allowances
from limits.gcra import spend
from limits.policies import Policy
from limits.refusals import Throttled
from limits.settling import settle

SIX = Policy("user", 6, 60)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def take(allowances: Allowances, times: int, policy: Policy = SIX, key: str = "7") -> int:
    """How many of so many tries are allowed."""
    allowed = 0
    for _ in range(times):
        try:
            allowances.spend(policy, key)
            allowed += 1
        except Throttled:
            pass
    return allowed


def settled(*processes: Allowances) -> None:
    """Each tells the database what it has spent, and learns what all have."""
    for one in processes:
        one.learn(settle(one.take_unsettled()))


def test_as_many_as_the_limit_at_once_then_one_for_each_part_of_the_window():
    clock = Clock()
    own = Allowances(clock)
    assert take(own, 10) == 6
    clock.now += 9.9
    assert take(own, 1) == 0
    clock.now += 0.2
    assert take(own, 10) == 1
    clock.now += 600
    assert take(own, 10) == 6, "nobody saves up more than the limit"


def test_what_is_left_and_when_there_is_more_is_told():
    until, first, _ = spend(SIX, 0.0, 1000.0)
    assert (first.remaining, round(first.reset_s), first.retry_after_s) == (5, 10, 0)
    for _ in range(5):
        until, last, _ = spend(SIX, until, 1000.0)
    assert (last.remaining, round(last.reset_s)) == (0, 60)
    same, refused, is_allowed = spend(SIX, until, 1004.0)
    assert (same, is_allowed, round(refused.retry_after_s), refused.remaining) == (until, False, 6, 0)


def test_keys_and_policies_are_counted_apart():
    own = Allowances()
    assert take(own, 10) == 6
    assert take(own, 10, key="8") == 6
    assert take(own, 10, Policy("token", 3, 60)) == 3


def test_no_limit_is_no_limit():
    own = Allowances()
    assert take(own, 1000, Policy("user", 0, 60)) == 1000
    assert own.take_unsettled() == {}


@pytest.mark.django_db
def test_what_one_process_spends_is_missing_in_the_other():
    first, second = Allowances(), Allowances()
    assert take(first, 4) == 4
    assert take(second, 1) == 1, "not known yet"
    settled(first, second)
    assert take(second, 10) == 1
    settled(second)
    assert take(first, 1) == 1, "it has not asked since; what it takes makes it ask"
    settled(first)
    assert take(first, 10) == 0


@pytest.mark.django_db
def test_what_was_overdrawn_between_two_settlements_is_waited_for():
    clock = Clock()
    first, second = Allowances(clock), Allowances(clock)
    assert take(first, 10) + take(second, 10) == 12, "each knows only its own"
    settled(first, second)
    with pytest.raises(Throttled) as refused:
        second.spend(SIX, "7")
    assert 65 < refused.value.retry_after_s <= 71, "the twelve are paid for before there is a thirteenth"


@pytest.mark.django_db
def test_what_could_not_be_settled_is_not_forgotten():
    first, second = Allowances(), Allowances()
    take(first, 4)
    first.give_back(first.take_unsettled())
    take(first, 1)
    settled(first)
    take(second, 1)
    settled(second)
    assert take(second, 10) == 0


@pytest.mark.django_db
def test_what_is_spent_while_it_is_settled_counts():
    own = Allowances()
    take(own, 3)
    under_way = own.take_unsettled()
    take(own, 2)
    own.learn(settle(under_way))
    assert take(own, 10) == 1


def test_keys_with_all_of_their_allowance_are_forgotten():
    clock = Clock()
    own = Allowances(clock)
    for number in range(3000):
        own.spend(SIX, str(number))
    own.take_unsettled()
    clock.now += 61
    own.spend(SIX, "one more")
    own.take_unsettled()
    assert len(own._entries) == 1
