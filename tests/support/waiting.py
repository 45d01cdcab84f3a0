"""Waiting for a condition, with a bound, instead of for a time."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import requests

LOOK_AGAIN_S = 0.01


async def until(condition: Callable[[], Awaitable[object] | object], *, timeout_s: float = 8.0) -> None:
    """Return when `condition` (plain or async) is true.

    Raises:
        TimeoutError: it has not come true within `timeout_s` seconds.
    """
    async with asyncio.timeout(timeout_s):
        while not await _holds(condition):  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(LOOK_AGAIN_S)


async def _holds(condition: Callable[[], Awaitable[object] | object]) -> bool:
    found = condition()
    return bool(await found if isinstance(found, Awaitable) else found)


def until_answering(url: str, process: subprocess.Popen[bytes], *, timeout_s: float = 20.0) -> None:
    """Return when a server that `process` starts answers at `url`, with whatever status.

    Raises:
        RuntimeError: the process has ended.
        TimeoutError: it has not answered within `timeout_s` seconds.
    """
    give_up_at = time.monotonic() + timeout_s
    while process.poll() is None:
        with suppress(requests.ConnectionError):
            requests.get(url, timeout=timeout_s)
            return
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"nobody answers at {url}")
        time.sleep(LOOK_AGAIN_S)
    raise RuntimeError(f"the server ended with {process.returncode} before it answered")
