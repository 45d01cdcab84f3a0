"""Calls that come at the same time, made together: one statement for all of them instead of one for each.

A call that comes alone is made at once. What comes while one is under way is gathered, and goes together when that one
is back: the busier the process, the more calls share a statement, and nothing ever waits for company.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError

from chat.database import in_batch_thread

T = TypeVar("T")
R = TypeVar("R")

MOST_TOGETHER = 50
AWAY = (OperationalError, InterfaceError)


class Batch(Generic[T, R]):
    """`await batch(item)` gives what `call([..., item, ...])` has for it, or raises it.

    Args:
        call: takes items, gives for each of them, in order, its result or an exception; synchronous, with the database.
            Where it raises itself, items that were together are tried one by one, so that none fails for another;
            but not while the database is away: that is true for all of them.
        apart: two items for which this gives the same never go together.
    """

    def __init__(
        self, call: Callable[[Sequence[T]], Sequence[R | Exception]], *, apart: Callable[[T], Hashable] | None = None
    ) -> None:
        self._call = call
        self._apart = apart
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._under_way: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        result: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._work(), name="batches")
        return await result

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._make(self._together())
        finally:
            self._under_way = None

    def _together(self) -> list[tuple[T, asyncio.Future[R]]]:
        """The next items that may go together, in the order in which they came."""
        taken: list[tuple[T, asyncio.Future[R]]] = []
        left: list[tuple[T, asyncio.Future[R]]] = []
        seen: set[Hashable] = set()
        for item, result in self._waiting:
            kind = self._apart(item) if self._apart else object()
            if len(taken) < MOST_TOGETHER and kind not in seen:
                taken.append((item, result))
            else:
                left.append((item, result))
            seen.add(kind)
        self._waiting = left
        return taken

    async def _make(self, taken: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            outcomes: Sequence[R | Exception] = await in_batch_thread(self._call, [item for item, _ in taken])
        except Exception as error:
            if len(taken) > 1 and not isinstance(error, AWAY):
                for one in taken:
                    await self._make([one])
                return
            if isinstance(error, AWAY):  # what has come meanwhile has waited for it as long
                taken, self._waiting = taken + self._waiting, []
            outcomes = [error] * len(taken)
        for (_, result), outcome in zip(taken, outcomes, strict=True):
            _tell(result, outcome)


def _tell(result: asyncio.Future[R], outcome: R | Exception) -> None:
    if result.done():  # whoever asked has left
        return
    if isinstance(outcome, Exception):
        result.set_exception(outcome)
    else:
        result.set_result(outcome)
