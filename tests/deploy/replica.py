"""A web process as a container runs it: it has its own address, and while it is away nobody listens there."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from launcher import REPOSITORY
from tests.launcher.running import free_port
from tests.support.waiting import until_answering

STOP_LIMIT = 10.0  # seconds


class Replica:
    """A web process on `port` of the loopback interface, not started yet."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self._environment = {**environment, "HOST": "127.0.0.1", "PORT": str(self.port)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, unless it runs; return when it answers."""
        if self._process is None:
            self._process = self._spawn()
        await asyncio.to_thread(until_answering, f"http://127.0.0.1:{self.port}/healthz", self._process, timeout_s=40)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "config.server"],
                cwd=REPOSITORY,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    async def stop(self) -> None:
        """Tell it to stop, and wait until it has."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(self._process.wait, STOP_LIMIT)
            self._process = None
