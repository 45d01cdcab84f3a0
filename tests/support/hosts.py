"""Web processes as on several machines: each with an address of its own, all on one database."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from launcher import REPOSITORY
from tests.support.waiting import until

READY_LIMIT = 40.0  # seconds; a start takes two, on a busy machine more
STOP_LIMIT = 10.0


class Host:
    """One web process. Its listening socket is held here, so that it comes back at the same address and requests that
    are sent meanwhile wait, as under the launcher."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start the process, unless it runs; return when it answers.

        Raises:
            RuntimeError: it ended instead; the text has its log.
        """
        if not self.is_running:
            self._process = self._spawn()
        answering = asyncio.create_task(self._answers())
        await until(lambda: answering.done() or not self.is_running, timeout_s=READY_LIMIT)
        if not self.is_running:
            answering.cancel()
            raise RuntimeError(f"the web process ended:\n{self.log}")
        await answering

    def _spawn(self) -> subprocess.Popen[bytes]:
        fd = self._listener.fileno()
        with self._log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "config.server", "--fd", str(fd)],
                cwd=REPOSITORY,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(fd,),
            )

    async def _answers(self) -> None:
        async with aiohttp.ClientSession(self.url) as client, client.get("/healthz") as response:
            assert response.status == 200

    @property
    def log(self) -> str:
        """All that its processes have written."""
        return self._log.read_text()

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> None:
        """Wait until the process is gone."""
        await until(lambda: not self.is_running, timeout_s=STOP_LIMIT)

    async def kill(self) -> None:
        """`kill -9`: it gets no chance to write or to say anything."""
        self.send(signal.SIGKILL)
        await self.ended()

    async def close(self) -> None:
        """End the process in good order, and give up the address."""
        if self.is_running:
            self.send(signal.SIGTERM)
            await self.ended()
        self._listener.close()


def site_environment(base: Mapping[str, str], **variables: str) -> dict[str, str]:
    """What a program of the site is run with."""
    path = os.pathsep.join([str(REPOSITORY / "site"), str(REPOSITORY)])
    return {**base, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "config.settings", **variables}
