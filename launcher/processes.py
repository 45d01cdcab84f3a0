"""Child processes: how one is described, started, watched and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

LOG_LIMIT = 10 * 1024 * 1024  # bytes; a longer log is put aside when its program starts
POLL = 0.02  # seconds between two looks at a process that is being ended


@dataclass(frozen=True)
class StopStep:
    """A signal, and how many seconds it has to work before the next step."""

    signal: signal.Signals
    patience: float


POLITE = (StopStep(signal.SIGTERM, 4.0),)


@dataclass(frozen=True)
class Command:
    """What to run, where its output goes, and how it is asked to end (SIGKILL follows the last step)."""

    name: str  # in file names: tgi, web, postgres
    title: str  # in sentences: "the database"
    argv: Sequence[str]
    log: Path
    cwd: Path
    env: Mapping[str, str]
    stop_steps: Sequence[StopStep] = POLITE
    pass_fds: Sequence[int] = ()
    user: int | None = None  # user and group id to drop to; only root may
    group: int | None = None


class Endable(Protocol):
    """A process that can be sent a signal, whether or not it is our child."""

    def send_signal(self, number: int) -> None: ...

    def is_alive(self) -> bool: ...


@dataclass
class Child:
    """A running Command. Its output is appended to the log; `log_start` is where this run's part begins."""

    command: Command
    process: subprocess.Popen[bytes]
    log_start: int
    started: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; the negative signal number if a signal ended it."""
        return self.process.poll()

    def is_alive(self) -> bool:
        return self.exit_code is None

    def send_signal(self, number: int) -> None:
        if number == signal.SIGKILL and self.is_alive():
            # It is not reaped yet, so the group is still its own: whatever it started goes with it.
            os.killpg(self.pid, number)
        else:
            self.process.send_signal(number)

    def log_tail(self, lines: int = 12) -> list[str]:
        """The last lines this run wrote, without the empty ones."""
        with self.command.log.open("rb") as log:
            log.seek(max(self.log_start, log.seek(0, os.SEEK_END) - 16_384))
            text = log.read().decode(errors="replace")
        return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]


def open_log(path: Path) -> IO[bytes]:
    """Open a log for appending; one over LOG_LIMIT is kept as `<name>.1` and a new one begun."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def spawn(command: Command) -> Child:
    """Start a command in a session of its own: the terminal's Ctrl-C reaches the launcher alone.

    Raises:
        OSError: the program could not be started.
    """
    with open_log(command.log) as log:
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=dict(command.env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=command.pass_fds,
            user=command.user,
            group=command.group,
            extra_groups=None if command.user is None else [],
        )
        return Child(command, process, log_start=log.tell())


def end(processes: Iterable[Endable], steps: Sequence[StopStep] = POLITE) -> None:
    """End processes together: each step's signal to those still alive, its patience, then SIGKILL."""
    alive = [process for process in processes if process.is_alive()]
    for step in (*steps, StopStep(signal.SIGKILL, 2.0)):
        for process in alive:
            process.send_signal(step.signal)
        deadline = time.monotonic() + step.patience
        while (alive := [process for process in alive if process.is_alive()]) and time.monotonic() < deadline:
            time.sleep(POLL)
