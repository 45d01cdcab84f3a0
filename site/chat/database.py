"""The database from the event loop: short calls in a few threads of their own, the connection given back after each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

RETRY_S = 0.5

P = ParamSpec("P")
T = TypeVar("T")

# Few: every call is one short transaction, and all running answers share the checkpoint's.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="database")
# Of their own: while the database is away each call waits for it for seconds, and a browser that reloads must not keep
# the checkpoint from being the first when it is back.
_batch_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="batches")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a short database function without blocking the event loop, and without keeping a connection after it."""
    call = partial(call_and_release, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, call)


async def in_batch_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for what many requests wait for together."""
    call = partial(call_and_release, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_batch_threads, call)


def call_and_release(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call it, and give back the database connection that it has used in this thread."""
    try:
        return function(*args, **kwargs)
    finally:
        connection.close()


async def in_thread_patiently(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same, waiting for as long as the database is away: for work that belongs to no request."""
    while True:
        try:
            return await in_thread(function, *args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            logger.warning("the database is away, trying again: %s", error)
            await asyncio.sleep(RETRY_S)
