"""Answers that are stored nowhere count while they run, in all web processes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from django.db import connection

from accounts.models import User
from chat import conversation, unstored
from chat.admission import TooManyRunning
from chat.database import in_thread
from chat.models import DatabaseClock, Status, uuid7
from chat.unstored import Answer, Unstored, admit, end, forget_lost, renew
from limits import models
from tests.support.answers import make_interaction
from tests.support.waiting import until

LIMIT = 8


def of(user: User, count: int) -> list[Answer]:
    return [Answer(uuid7(), user.pk) for _ in range(count)]


def admitted(answers: list[Answer]) -> list[bool]:
    return [outcome is None for outcome in admit(answers)]


def let_leases_run_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE limits_unstored SET until = clock_timestamp() - interval '1 s'")


def nobody_has_one() -> bool:
    return not models.Unstored.objects.exists()


@pytest.mark.django_db
def test_of_those_who_come_together_as_many_as_may_are_admitted(owner: User, stranger: User):
    assert admitted([*of(owner, LIMIT + 2), *of(stranger, 1)]) == [True] * LIMIT + [False] * 2 + [True]
    assert admitted(of(owner, 1)) == [False]


@pytest.mark.django_db
def test_stored_ones_count_too_and_count_them(owner: User):
    for _ in range(LIMIT - 2):
        make_interaction(owner, status=Status.GENERATING)
    assert admitted(of(owner, 1)) == [True]
    conversation.ask(owner_id=owner.pk, query="The last place")
    assert admitted(of(owner, 1)) == [False]
    with pytest.raises(TooManyRunning):
        conversation.ask(owner_id=owner.pk, query="One more")


@pytest.mark.django_db
def test_one_that_has_ended_makes_room(owner: User):
    running = of(owner, LIMIT)
    admit(running)
    end(running[:1])
    assert admitted(of(owner, 2)) == [True, False]


@pytest.mark.django_db
def test_those_of_a_process_that_was_killed_run_out(owner: User):
    lost = of(owner, LIMIT)
    admit(lost)
    let_leases_run_out()
    assert admitted(of(owner, LIMIT)) == [True] * LIMIT
    forget_lost()
    assert not models.Unstored.objects.filter(pk__in=[one.id for one in lost]).exists()


@pytest.mark.django_db
def test_those_that_are_renewed_count_on_even_if_they_had_run_out(owner: User):
    running = of(owner, LIMIT)
    admit(running)
    let_leases_run_out()
    forget_lost()
    renew(running)
    assert admitted(of(owner, 1)) == [False]


@pytest.mark.django_db(transaction=True)
async def test_what_runs_in_one_process_is_refused_in_another(owner: User):
    one, other = Unstored(), Unstored()
    async with AsyncExitStack() as running:
        for _ in range(LIMIT):
            await running.enter_async_context(one.running(owner.pk))
        with pytest.raises(TooManyRunning):
            await running.enter_async_context(other.running(owner.pk))
    async with other.running(owner.pk):
        assert await in_thread(models.Unstored.objects.count) == 1
    assert not await in_thread(models.Unstored.objects.exists), "gone when it has ended"
    one.close()
    other.close()


@pytest.mark.django_db(transaction=True)
async def test_they_are_renewed_while_they_run(owner: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unstored, "RENEW_S", 0.01)
    here = Unstored()
    good = models.Unstored.objects.filter(until__gt=DatabaseClock())
    async with here.running(owner.pk):
        await in_thread(let_leases_run_out)
        await until(lambda: in_thread(good.exists))
    here.close()


@pytest.mark.django_db(transaction=True)
async def test_one_that_is_left_ends_by_itself(owner: User):
    here = Unstored()

    async def wait_for_ever() -> None:
        async with here.running(owner.pk):
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait_for_ever())
    await until(lambda: in_thread(models.Unstored.objects.exists))
    waiting.cancel()
    await until(lambda: in_thread(nobody_has_one))
    here.close()
