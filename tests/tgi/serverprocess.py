"""Start the real server as its users do: in a process of its own, on a port the system chooses."""

import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What would change the server; all that starts with MAX_ or HF_ besides.
SETTINGS = {
    "API_KEY",
    "CORS_ALLOW_ORIGIN",
    "DEVICE",
    "DTYPE",
    "ENGINE",
    "MODEL_ID",
    "REVISION",
    "THREADS",
    "USAGE_STATS",
}
READY_SECONDS = 60.0
STOP_SECONDS = 10.0


@dataclass
class Running:
    """A server that answers on ``url``. What it writes to stderr is read all the time: a full pipe would stop it."""

    process: "subprocess.Popen[str]"
    url: str
    _said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start to read."""
        self._reader = threading.Thread(target=self._said.extend, args=(self.process.stderr,), daemon=True)
        self._reader.start()

    def last_words(self) -> str:
        """All it has written to stderr since it was ready; waits for its end."""
        self._reader.join(STOP_SECONDS)
        assert not self._reader.is_alive(), "the server still runs"
        return "".join(self._said)


def environment(**extra: str) -> dict[str, str]:
    """The environment without what would change the server, and ``extra``."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in SETTINGS and not name.startswith(("MAX_", "HF_"))
    }
    return {**inherited, **extra}


def command(*arguments: str, program: tuple[str, str] = ("-m", "tgi")) -> list[str]:
    """``python -m tgi``; one thread, which suffers least from the other tests' load."""
    return [sys.executable, *program, "--threads", "1", *arguments]


@contextmanager
def run_server(*arguments: str, program: tuple[str, str] = ("-m", "tgi"), **extra: str) -> Iterator[Running]:
    """A server that is ready, killed at the end if it still runs."""
    process = subprocess.Popen(
        command("--port", "0", *arguments, program=program),
        cwd=ROOT,
        env=environment(**extra),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        server = Running(process, _announced_url(process))
        _wait_until_healthy(server.url)
        yield server
    finally:
        process.kill()
        process.wait(STOP_SECONDS)
        if process.stderr is not None:
            process.stderr.close()


def run_to_end(*arguments: str, timeout: float = 30.0, **extra: str) -> "subprocess.CompletedProcess[str]":
    """Run a server that is expected to end by itself."""
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def _announced_url(process: "subprocess.Popen[str]") -> str:
    seen = []
    for line in process.stderr or ():
        seen.append(line)
        if match := re.search(r"Serving .* on (http://\S+)", line):
            return match[1]
    raise AssertionError("the server ended before it was ready:\n" + "".join(seen))


def _wait_until_healthy(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=READY_SECONDS) as response:
                assert response.status == 200
                return
        except urllib.error.URLError:
            continue
    raise AssertionError(f"{url} did not become healthy in {READY_SECONDS:.0f} s")
