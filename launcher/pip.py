"""Runs pip: its output goes to a log, the large downloads are said, and a failure becomes one line.

Standard library only, as it runs before anything is installed.
"""

from __future__ import annotations

import os
import platform
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

LARGE = 5.0  # MB; a download below it is not worth a line
TICK = 0.5  # seconds between two updates of the clock on a terminal
UNITS = {"kB": 0.001, "MB": 1.0, "GB": 1000.0}  # in MB
DOWNLOADING = re.compile(r"^\s*Downloading (?:\S*/)?(\S+\.whl)(?:\.metadata)? \((\d+(?:\.\d+)?) ?(kB|MB|GB)\)")

NO_SPACE = ("No space left on device", "Disk quota exceeded")
NO_WHEEL = ("No matching distribution found for ", "is not a supported wheel on this platform")
NO_NETWORK = (
    "NewConnectionError",
    "Failed to establish a new connection",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Read timed out",
    "ProxyError",
    "NameResolutionError",
    "Temporary failure in name resolution",
    "Network is unreachable",
    "Connection refused",
    "SSLError",
)


class InstallError(Exception):
    """The environment could not be made or filled: one line that says why and what to do."""


def pip_install(python: str, arguments: Sequence[str], log: Path) -> None:
    """`pip install`, with the user's own pip configuration.

    Raises:
        InstallError: it failed.
    """
    # Only wheels: a missing compiler is harder to explain than a missing wheel.
    options = ["--no-input", "--disable-pip-version-check", "--only-binary=:all:"]
    # Outside a virtual environment people set PIP_USER; in one it is an error. Without a network, pip's own
    # five retries take long to say so.
    environment = {"PIP_RETRIES": "2", **os.environ, "PIP_USER": "0"}
    run_logged([python, "-m", "pip", "install", *options, *arguments], environment, log)


def run_logged(argv: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """Run a program, its output appended to the log. If we are interrupted, it is ended first.

    Raises:
        InstallError: it failed; the text tells the common reasons apart.
    """
    progress = _Progress()
    output: list[str] = []
    with (
        log.open("a") as file,
        subprocess.Popen(
            argv,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C comes to us, and we end it
        ) as process,
        process.stdout as stdout,  # type: ignore[union-attr]  # a pipe was asked for
    ):
        try:
            for line in _lines(stdout.fileno(), progress.tick):
                output.append(line)
                file.write(line + "\n")
                progress.see(line)
        except BaseException:
            process.terminate()
            raise
        finally:
            progress.clear()
    if process.returncode != 0:
        raise InstallError(explain("\n".join(output), log))


def _lines(fd: int, tick: Callable[[], None]) -> Iterator[str]:
    """A program's output line by line; `tick` is called while it is silent."""
    rest = b""
    while True:
        if not select.select([fd], [], [], TICK)[0]:
            tick()
            continue
        data = os.read(fd, 65_536)
        *whole, rest = (rest + data).split(b"\n")
        yield from (line.decode(errors="replace").rstrip() for line in whole)
        if not data:
            return


class _Progress:
    """A line for each large download; on a terminal also a clock, so that a slow one does not look stuck."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._clock = sys.stdout.isatty()

    def see(self, line: str) -> None:
        found = DOWNLOADING.match(line)
        if found and (size := float(found[2]) * UNITS[found[3]]) >= LARGE:
            self.clear()
            print(f"  downloading {found[1].partition('-')[0]} ({size:.0f} MB)", flush=True)

    def tick(self) -> None:
        if self._clock:
            print(f"\r  … {time.monotonic() - self._begun:.0f} s", end="", flush=True)

    def clear(self) -> None:
        if self._clock:
            print("\r\033[K", end="", flush=True)


def explain(output: str, log: Path) -> str:
    """Why the program failed, from what it printed."""
    if any(text in output for text in NO_SPACE):
        return "Set-up failed: not enough disk space. This folder needs about 1 GB; make room and run it again."
    if any(text in output for text in NO_NETWORK):
        return (
            "Set-up failed: the package index cannot be reached. Check the network, or pip's proxy and index"
            " settings, and run it again."
        )
    if any(text in output for text in NO_WHEEL):
        wanted = re.search(r"No matching distribution found for (\S+)|(\S+\.whl) is not a supported", output)
        package = (wanted[1] or wanted[2]) if wanted else "a package"
        machine = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        return f"Set-up failed: there is no {package} for {machine}. Try another Python (make run PYTHON=…)."
    return f"Set-up failed; the reason is at the end of {log}."
