"""What the database is asked while answers run: no more for two hundred of them than for one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from tests.support.database import Database
from tests.support.deployment import Deployment
from tests.support.followers import ProgramFollower, following
from tests.support.hosts import Host
from tests.support.model import Model, words
from tests.support.people import Asked, Person
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY, EACH = 200, 8  # answers; at most so many of one person
TICKS = 12
# By the site's own role, so that looking does not count. Nor do the checks of foreign keys, which Postgres makes inside
# a statement, one for each new row of the log; it lists them as if somebody had sent them.
CALLS = """
SELECT coalesce(sum(s.calls), 0) AS all, coalesce(sum(s.calls) FILTER (WHERE s.query LIKE '%WITH running AS%'), 0) AS
    checkpoints, coalesce(sum(s.calls) FILTER (WHERE s.query LIKE '%string_agg(substr%'), 0) AS reads
FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = 'parley'
    AND s.query NOT LIKE '%FOR KEY SHARE OF x'
"""


@dataclass(frozen=True, slots=True)
class Rates:
    """Statements a second, of all processes together."""

    all: float
    checkpoints: float
    reads: float


async def rates(database: Database) -> Rates:
    """Measured over a few ticks of the checkpoint writers."""

    def calls() -> dict[str, int]:
        return {name: int(count) for name, count in database.execute(CALLS)[0].items()}

    before, began = calls(), time.monotonic()
    await until(lambda: calls()["checkpoints"] >= before["checkpoints"] + TICKS, timeout_s=30)
    seconds, after = time.monotonic() - began, calls()
    return Rates(**{name: (after[name] - before[name]) / seconds for name in after})


async def test_statements_do_not_grow_with_the_number_of_answers(
    first: Host, second: Host, database: Database, deployment: Deployment, model: Model
):
    model.speak(words(160), delay_s=0.25)
    people = [deployment.person() for _ in range(MANY // EACH)]
    async with AsyncExitStack() as stack:
        one = [await people[0].ask(first.url)]
        await follow_both_ways(stack, one, people[0], first, second)
        with_one = await rates(database)
        more = [(person, EACH - (person is people[0])) for person in people]
        asked = await asyncio.gather(*(ask_often(first.url, person, count) for person, count in more))
        for person, its in zip(people, asked, strict=True):
            await follow_both_ways(stack, its, person, first, second)
        assert model.running == MANY
        with_many = await rates(database)
    model.hurry()
    await until(lambda: not model.running, timeout_s=30)
    assert with_one.all < 20
    assert with_many.checkpoints <= 5, "one a tick, for all answers of a process"
    assert with_many.reads <= 5, "one a tick, for all answers that a process follows"
    assert with_many.all <= with_one.all * 1.25, f"{with_one} with one answer, {with_many} with {MANY}"


async def ask_often(url: str, person: Person, count: int) -> list[Asked]:
    return [await person.ask(url) for _ in range(count)]


async def follow_both_ways(
    stack: AsyncExitStack, asked: Sequence[Asked], person: Person, first: Host, second: Host
) -> None:
    """Follow each answer where it is made and at the other host, from the log; return when text has come both ways."""
    followers = [ProgramFollower([host.url], one) for one in asked for host in (first, second)]
    await stack.enter_async_context(following(*followers, person=person))
    await until(lambda: all(one.text for one in followers), timeout_s=30)
