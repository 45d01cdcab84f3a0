"""Parley as a user starts it: a process with an environment, its output, and every process below it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from config.env import Env
from launcher import REPOSITORY
from tests.support.wide_limits import WIDE

STOP_LIMIT = 10.0  # seconds within which a stop has to be over: Parley's promise
READY_LIMIT = 60.0  # seconds; a start takes a few, on a busy machine more


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**variables: str | Path | int) -> dict[str, str]:
    """Ours without Parley's own variables and those of a `make test` above us, limits wide, and with those given."""
    own = {name.upper() for name in Env.model_fields} | {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
    inherited = {name: value for name, value in os.environ.items() if name not in own}
    return inherited | WIDE | {name: str(value) for name, value in variables.items()}


def wait_until(condition: Callable[[], object], limit: float, what: str) -> None:
    """Wait for a condition; fail with `what` if it does not come true within the limit, in seconds."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit:g} s: {what}"
        time.sleep(0.05)


def is_gone(process: psutil.Process) -> bool:
    """Whether the process has ended, reaped by its parent or not."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Running:
    """A started program of the launcher's, in a process group of its own, with all it prints in one file."""

    def __init__(self, argv: Sequence[str], environment: dict[str, str], folder: Path) -> None:
        self.data_dir = Path(environment["DATA_DIR"])
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"output-{time.monotonic_ns()}.txt"
        with self._file.open("wb") as output:
            self.process = subprocess.Popen(
                argv,
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._file.read_text()

    def wait_for(self, text: str, limit: float = READY_LIMIT) -> None:
        """Wait until it has printed the text; fail with all its output if it ends first or takes too long."""
        deadline = time.monotonic() + limit
        while text not in self.output:
            ended, late = self.process.poll() is not None, time.monotonic() > deadline
            assert text in self.output or not (ended or late), f"no {text!r} in:\n{self.output}"
            time.sleep(0.05)

    def pids(self, name: str) -> list[int]:
        """The process ids of a service: web, tgi, postgres."""
        recorded = json.loads((self.data_dir / "run.json").read_text())["children"]
        return [child["pid"] for child in recorded if child["name"] == name]

    def below(self) -> list[psutil.Process]:
        """Every process it has started, directly or not."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal, and give its exit code; fail if anything is left after the promised time."""
        everything = self.below()
        self.process.send_signal(number)
        code = self.process.wait(STOP_LIMIT)
        left = [process for process in everything if not is_gone(process)]
        assert not left, f"still running: {left}"
        return code

    def kill_all(self) -> None:
        """`kill -9` of it and of everything below it, the database's own processes included."""
        everything = self.below() if self.process.poll() is None else []
        for process in (psutil.Process(self.process.pid), *everything):
            with suppress(psutil.NoSuchProcess):  # a backend that saw its server go
                process.kill()
        self.process.wait(STOP_LIMIT)
        wait_until(lambda: all(map(is_gone, everything)), STOP_LIMIT, "the end of the killed")


def start_parley(data_dir: Path, **variables: str | Path | int) -> Running:
    """`python -m launcher` on a data folder; ports of its own unless they are given."""
    ports = {"PORT": free_port(), "TGI_PORT": free_port()}
    environment = clean_environment(**{**ports, "DATA_DIR": data_dir, **variables})
    return Running([sys.executable, "-m", "launcher"], environment, data_dir.parent)


def start_database(data_dir: Path, *options: str, **variables: str | Path | int) -> Running:
    """`python -m launcher.postgres` on a data folder."""
    environment = clean_environment(DATA_DIR=data_dir, **variables)
    return Running([sys.executable, "-m", "launcher.postgres", *options], environment, data_dir.parent)


def database_url(running: Running) -> str:
    """The address that `start_database` prints when it is ready."""
    running.wait_for("DATABASE_URL=")
    return running.output.strip().rpartition("DATABASE_URL=")[2]
