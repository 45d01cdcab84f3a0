"""Start the real server as its users do: in a process of its own, on a port the system chooses."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
STOP_SECONDS = 10.0


@dataclass
class Running:
    """A server that answers on ``url``."""

    process: "subprocess.Popen[str]"
    url: str


def environment(**extra: str) -> dict[str, str]:
    """The environment without what would change the server, and ``extra``."""
    names = ("MODEL_ID", "API_KEY", "HF_TOKEN", "THREADS", "CORS_ALLOW_ORIGIN")
    inherited = {
        name: value for name, value in os.environ.items() if name not in names and not name.startswith(("MAX_", "HF_"))
    }
    return {**inherited, **extra}


def command(*arguments: str) -> list[str]:
    """``python -m tgi``; one thread, which suffers least from the other tests' load."""
    return [sys.executable, "-m", "tgi", "--threads", "1", *arguments]


@contextmanager
def run_server(*arguments: str, **extra: str) -> Iterator[Running]:
    """A server that is ready, killed at the end if it still runs."""
    process = subprocess.Popen(
        command("--port", "0", *arguments),
        cwd=ROOT,
        env=environment(**extra),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = _announced_url(process)
        _wait_until_healthy(url)
        yield Running(process, url)
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
