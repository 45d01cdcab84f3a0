"""What the person at the terminal reads: one plain line at a time."""

from __future__ import annotations

import os
import sys
import time


def say(line: str) -> None:
    """Print a line. A terminal that has gone away is no reason to stop in the middle of stopping."""
    _write(line, error=False)


def complain(line: str) -> None:
    """Print a line on standard error."""
    _write(line, error=True)


class Stopwatch:
    """Seconds since it was made, for texts: `{watch}` is "0.6 s"."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def __str__(self) -> str:
        return f"{time.monotonic() - self._begun:.1f} s"


def _write(line: str, *, error: bool) -> None:
    try:
        print(line, file=sys.stderr if error else sys.stdout, flush=True)
    except OSError:
        # Whatever is printed from here on, and at the interpreter's exit, goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2 if error else 1)
