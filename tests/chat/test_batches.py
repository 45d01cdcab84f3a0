"""Calls that come at the same time are made together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from django.db import DataError, OperationalError

from chat.batches import MOST_TOGETHER, Batch
from tests.support.waiting import until


class Calls:
    """Something to call: keeps what came together, and holds each call until it is let go."""

    def __init__(self, *, held: bool = False) -> None:
        self.made: list[list[int]] = []
        self.go_on = threading.Event()
        if not held:
            self.go_on.set()

    def __call__(self, items: Sequence[int]) -> list[int | Exception]:
        self.made.append(list(items))
        assert self.go_on.wait(10)
        if 13 in items:
            raise DataError("13 is not for a database")
        if 500 in items:
            raise OperationalError("the database is away")
        return [ValueError(str(item)) if item < 0 else item * 10 for item in items]


async def gathered(batch: Batch[int, int], calls: Calls, first: int, *rest: int) -> list[int | BaseException]:
    """What the items get; `first` is under way when the rest come."""
    tasks = [asyncio.create_task(batch(first))]
    await until(lambda: bool(calls.made))
    tasks += [asyncio.create_task(batch(item)) for item in rest]
    await asyncio.sleep(0)
    calls.go_on.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_call_that_comes_alone_is_made_alone():
    calls = Calls()
    assert await Batch(calls)(4) == 40
    assert calls.made == [[4]]


async def test_what_comes_during_a_call_goes_together_and_everyone_gets_their_own():
    calls = Calls(held=True)
    assert await gathered(Batch(calls), calls, 1, 2, 3, 4) == [10, 20, 30, 40]
    assert calls.made == [[1], [2, 3, 4]]


async def test_what_must_stay_apart_does_not_go_together_and_keeps_its_order():
    calls = Calls(held=True)
    batch: Batch[int, int] = Batch(calls, apart=lambda item: item % 2)
    assert await gathered(batch, calls, 1, 2, 4, 3, 6) == [10, 20, 40, 30, 60]
    assert calls.made == [[1], [2, 3], [4], [6]]


async def test_a_call_takes_no_more_than_fit_into_a_statement():
    calls = Calls(held=True)
    await gathered(Batch(calls), calls, 0, *range(100, MOST_TOGETHER + 102))
    assert [len(items) for items in calls.made] == [1, MOST_TOGETHER, 2]


async def test_an_outcome_that_is_an_exception_is_raised_for_its_item_alone():
    calls = Calls(held=True)
    one, two, three = await gathered(Batch(calls), calls, 1, -2, 3)
    assert (one, three) == (10, 30)
    assert isinstance(two, ValueError)


async def test_an_item_that_breaks_the_statement_fails_alone():
    calls = Calls(held=True)
    _, two, bad, four = await gathered(Batch(calls), calls, 1, 2, 13, 4)
    assert (two, four) == (20, 40)
    assert isinstance(bad, DataError)


async def test_while_the_database_is_away_everyone_is_told_at_once():
    calls = Calls(held=True)
    _, *others = await gathered(Batch(calls), calls, 1, 2, 500, 4)
    assert [type(other) for other in others] == [OperationalError] * 3
    assert calls.made == [[1], [2, 500, 4]], "not tried one by one: each would wait for the database"


async def test_who_has_waited_while_the_database_was_away_does_not_wait_again():
    calls = Calls(held=True)
    others = await gathered(Batch(calls), calls, 500, 2, 4)
    assert [type(other) for other in others] == [OperationalError] * 3
    assert calls.made == [[500]]


async def test_one_who_leaves_takes_nothing_from_the_others():
    calls = Calls(held=True)
    batch: Batch[int, int] = Batch(calls)
    first = asyncio.create_task(batch(1))
    await until(lambda: bool(calls.made))
    leaving, staying = asyncio.create_task(batch(2)), asyncio.create_task(batch(3))
    await asyncio.sleep(0)
    leaving.cancel()
    calls.go_on.set()
    assert (await first, await asyncio.wait_for(staying, 5)) == (10, 30)
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await batch(4) == 40
