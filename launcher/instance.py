"""One launcher per DATA_DIR, and what an earlier one left running.

The lock is on the folder itself and is the kernel's: it ends with the process, however that ends, and leaves
no file. `run.json` says who holds it and which children it has, so that after `kill -9` of a launcher the
next one ends those that still run.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from launcher import foreign
from launcher.errors import USAGE, CannotStart
from launcher.processes import POLITE, Child, StopStep, end

DATABASE = "postgres"  # the child that goes last, as the others still write to it while they stop
DATABASE_STEPS = (StopStep(signal.SIGINT, 3.0), StopStep(signal.SIGQUIT, 1.0))


@dataclass(frozen=True)
class Recorded:
    """A child as `run.json` has it. `created` (seconds since the epoch) tells it from a reused process id."""

    name: str
    pid: int
    created: float


@dataclass(frozen=True)
class Run:
    """The contents of `run.json`."""

    pid: int
    url: str | None = None
    children: list[Recorded] = field(default_factory=list)


class Instance:
    """The right to use DATA_DIR, as a context manager; entering it also ends what an earlier launcher left.

    Raises:
        CannotStart: DATA_DIR cannot be used, or another launcher uses it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file = data_dir / "run.json"

    def __enter__(self) -> Self:
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._data_dir, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise CannotStart(f"DATA_DIR: {self._data_dir} cannot be used: {error.strerror}.", USAGE) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._end_leftovers()
            self._write(Run(os.getpid()))
        except BlockingIOError:
            raise CannotStart(self._already_running(), USAGE) from None
        except PermissionError as error:
            raise CannotStart(f"DATA_DIR: {error.filename} belongs to another user.", USAGE) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._file.unlink(missing_ok=True)
        os.close(self._lock)

    def record(self, url: str | None, children: Iterable[Child]) -> None:
        """Note where the site is and which children run."""
        recorded = [Recorded(child.command.name, child.pid, foreign.created(child.pid)) for child in children]
        self._write(Run(os.getpid(), url, recorded))

    def _write(self, run: Run) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(asdict(run)))
        new.replace(self._file)

    def _read(self) -> Run:
        """The record; an empty one if there is none, or if a full disk or a power cut spoilt it."""
        try:
            stored = json.loads(self._file.read_text())
            return Run(stored["pid"], stored["url"], [Recorded(**child) for child in stored["children"]])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return Run(0)

    def _already_running(self) -> str:
        run = self._read()
        holder = f"process {run.pid}" + (f", {run.url}" if run.url else "") if run.pid else "starting"
        return (
            f"DATA_DIR: {self._data_dir} is already used by another Parley ({holder}): stop that one,"
            " or set DATA_DIR, PORT and TGI_PORT to others."
        )

    def _end_leftovers(self) -> None:
        children = self._read().children
        databases = [child for child in children if child.name == DATABASE]
        others = [child for child in children if child.name != DATABASE]
        for group, steps in ((others, POLITE), (databases, DATABASE_STEPS)):
            found = (foreign.find(child.pid, child.created) for child in group)
            end([process for process in found if process], steps)
