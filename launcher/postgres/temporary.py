"""A throw-away cluster for tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from launcher import REPOSITORY


@contextmanager
def temporary_cluster() -> Iterator[str]:
    """Run an empty cluster in a temporary folder and give its DATABASE_URL; it takes about a second.

    It is a process of its own that ends when its standard input closes: a killed test run leaves none behind.

    Raises:
        RuntimeError: it could not be started; the text says why.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "launcher.postgres", "--temporary", "--until-stdin-closes"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests, which close stdin when they have ended
    ) as process:
        line = process.stdout.readline() if process.stdout else ""
        name, _, url = line.strip().partition("=")
        if name != "DATABASE_URL":
            raise RuntimeError(f"The temporary database did not start: {process.communicate()[1].strip()}")
        yield url
