"""Whatever a test starts is ended with it, also when it fails half-way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.launcher import running
from tests.launcher.running import Running

Start = Callable[..., Running]


def _end(started: Running) -> None:
    """Let it stop what it has started; what does not stop is killed."""
    if started.process.poll() is None:
        everything = started.below()
        started.process.terminate()
        _, left = psutil.wait_procs([psutil.Process(started.process.pid), *everything], timeout=12)
        for process in left:
            process.kill()
        started.process.wait(5)


@pytest.fixture
def start_parley() -> Iterator[Start]:
    """`start_parley(data_dir, NAME=value, …)`."""
    with ExitStack() as stack:
        yield _ending(running.start_parley, stack)


@pytest.fixture
def start_database() -> Iterator[Start]:
    """`start_database(data_dir, *options, NAME=value, …)`."""
    with ExitStack() as stack:
        yield _ending(running.start_database, stack)


def _ending(start: Start, stack: ExitStack) -> Start:
    def start_and_remember(*arguments: str | Path, **variables: str | Path | int) -> Running:
        started = start(*arguments, **variables)
        stack.callback(_end, started)
        return started

    return start_and_remember
