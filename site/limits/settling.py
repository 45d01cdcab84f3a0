"""What this process allowed becomes known to the others: one statement for all that was spent meanwhile, a tenth of a
second after the first of it, however many requests there were; none while there are none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress

from django.db import Error as DatabaseError
from django.db import connection

from chat.database import in_batch_thread
from limits import quota
from limits.allowances import Allowances, allowances

logger = logging.getLogger(__name__)

EVERY_S = 0.1
# While the database is away limits count in this process alone.
AWAY_S = 1.0

# In one order, so that two processes never wait for each other. By one clock, and at one time of it for both sums.
SETTLE = """
INSERT INTO limits_spent AS s (key, until)
SELECT key, statement_timestamp() + make_interval(secs => seconds)
FROM unnest(%(keys)s::text[], %(seconds)s::float[]) AS spent (key, seconds) ORDER BY key
ON CONFLICT (key) DO UPDATE
SET until = greatest(s.until, statement_timestamp()) + (excluded.until - statement_timestamp())
RETURNING key, extract(epoch FROM until - statement_timestamp())::float
"""


def settle(spent: Mapping[str, float]) -> dict[str, float]:
    """Add what was spent (seconds by key). Returns how many seconds ahead of now each key is then."""
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, {"keys": list(spent), "seconds": list(spent.values())})
        return dict(cursor.fetchall())


class Settler:
    """Settles what `allowances` and `quota` gather, on the event loop that serves the requests."""

    def __init__(self, own: Allowances = allowances) -> None:
        self._own = own
        self._loop = asyncio.get_running_loop()
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._own.on_spent = quota.ledger.on_noted = self._want
        self._task = asyncio.create_task(self._work(), name="settler")

    async def stop(self) -> None:
        """Settle what is left."""
        self._own.on_spent = quota.ledger.on_noted = None
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        try:
            await self._settle()
        except DatabaseError:
            logger.exception("the last of what was used could not be written")

    def _want(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._wanted.set)

    async def _work(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await asyncio.sleep(EVERY_S)
            try:
                await self._settle()
            except DatabaseError as error:
                logger.warning("limits: the database is away, trying again: %s", error)
                self._wanted.set()
                await asyncio.sleep(AWAY_S)

    async def _settle(self) -> None:
        await asyncio.shield(self._settle_spent())
        await asyncio.shield(self._settle_noted())

    async def _settle_spent(self) -> None:
        if not (spent := self._own.take_unsettled()):
            return
        try:
            self._own.learn(await in_batch_thread(settle, spent))
        except BaseException:
            self._own.give_back(spent)
            raise

    async def _settle_noted(self) -> None:
        if not (noted := quota.ledger.take()):
            return
        try:
            await in_batch_thread(quota.charge, noted)
        except BaseException:
            quota.ledger.give_back(noted)
            raise
