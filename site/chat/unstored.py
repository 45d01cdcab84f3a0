"""Answers that are passed on and stored nowhere: while they run they count like those that are stored, in all web
processes. Each has a row with a lease; what its process does not take away itself, because it was killed, runs out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connection

from chat.admission import LOCK, RUNNING, TooManyRunning, limit
from chat.batches import Batch
from chat.database import in_batch_thread
from chat.models import uuid7

logger = logging.getLogger(__name__)

LEASE_S = 20.0
RENEW_S = 5.0

# Two statements in one message, as in `chat.accepting`: the second one sees what ran when the lock was had. Of those
# who come together each sees the ones before it, too.
ADMIT = f"""
{LOCK};
WITH running AS ({RUNNING}), asked AS (
    SELECT *, row_number() OVER (PARTITION BY owner_id ORDER BY id) AS place
    FROM unnest(%(ids)s::uuid[], %(owners)s::bigint[]) AS asked (id, owner_id)
)
INSERT INTO limits_unstored (id, owner_id, until)
SELECT id, owner_id, clock_timestamp() + make_interval(secs => %(lease_s)s)
FROM asked LEFT JOIN running USING (owner_id) WHERE coalesce(answers, 0) + place <= %(limit)s
RETURNING id
"""  # noqa: S608 - constants of ours

# Also of those that have run out while the database was away.
RENEW = """
INSERT INTO limits_unstored (id, owner_id, until)
SELECT id, owner_id, clock_timestamp() + make_interval(secs => %(lease_s)s)
FROM unnest(%(ids)s::uuid[], %(owners)s::bigint[]) AS running (id, owner_id)
ON CONFLICT (id) DO UPDATE SET until = excluded.until
"""
END = "DELETE FROM limits_unstored WHERE id = ANY(%(ids)s::uuid[])"
FORGET = "DELETE FROM limits_unstored WHERE until < clock_timestamp()"


class Answer(NamedTuple):
    """One that is passed on."""

    id: UUID
    owner_id: int


def admit(answers: Sequence[Answer]) -> list[Exception | None]:
    """Count them as running, each unless its owner has as many as one may have: then TooManyRunning in its place."""
    with connection.cursor() as cursor:
        cursor.execute(ADMIT, {**_columns(answers), "limit": limit(), "lease_s": LEASE_S})
        cursor.nextset()
        admitted = {row[0] for row in cursor.fetchall()}
    return [None if answer.id in admitted else TooManyRunning(limit()) for answer in answers]


def renew(answers: Sequence[Answer]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(RENEW, {**_columns(answers), "lease_s": LEASE_S})


def end(answers: Sequence[Answer]) -> list[Exception | None]:
    with connection.cursor() as cursor:
        cursor.execute(END, _columns(answers))
    return [None] * len(answers)


def forget_lost() -> None:
    """Delete the rows of processes that were killed."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET)


def _columns(answers: Sequence[Answer]) -> dict[str, list[UUID] | list[int]]:
    return {"ids": [answer.id for answer in answers], "owners": [answer.owner_id for answer in answers]}


class Unstored:
    """The answers that one process passes on, on its event loop."""

    def __init__(self) -> None:
        self._running: set[Answer] = set()
        self._admit: Batch[Answer, None] = Batch(admit)
        self._end: Batch[Answer, None] = Batch(end)
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def running(self, owner_id: int) -> AsyncGenerator[None]:
        """Around one answer for this user, from before the model is asked until it has ended or was left. When this is
        over because the answer has ended, no process counts it any more.

        Raises:
            TooManyRunning: there are as many already as one may have.
        """
        answer = Answer(uuid7(), owner_id)
        try:
            await self._admit(answer)
            self._running.add(answer)
            self._keep_renewing()
            yield
        except BaseException as error:
            self._running.discard(answer)
            if not isinstance(error, TooManyRunning):
                self._end_later(answer)  # its client has gone, perhaps: nobody is there who could wait
            raise
        self._running.discard(answer)
        await self._ended(answer)

    def close(self) -> None:
        """The rest runs out by itself."""
        for task in (self._renewing, *self._tasks):
            if task is not None:
                task.cancel()

    def _end_later(self, answer: Answer) -> None:
        task = asyncio.create_task(self._ended(answer), name="unstored")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ended(self, answer: Answer) -> None:
        try:
            await self._end(answer)
        except DatabaseError as error:
            logger.warning("an answer that has ended counts for another %s s: %s", LEASE_S, error)

    def _keep_renewing(self) -> None:
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew(), name="unstored")

    async def _renew(self) -> None:
        await asyncio.sleep(RENEW_S)
        while self._running:
            try:
                await in_batch_thread(renew, list(self._running))
            except DatabaseError as error:
                logger.warning("unstored answers: the database is away, trying again: %s", error)
            await asyncio.sleep(RENEW_S)
        self._renewing = None
