"""A running Caddy with one of the project's own files, and clients that trust its authority."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from launcher import REPOSITORY
from tests.launcher.running import free_port
from tests.support.people import PATIENCE
from tests.support.waiting import until

DOMAIN = "parley.test"
IMAGES_CADDY = str(Path(sys.executable).with_name("caddy"))  # of the version in deploy/proxy.Dockerfile
START_LIMIT = 20.0  # seconds; the first start makes two certificates
STOP_LIMIT = 10.0


class Caddy:
    """Caddy with `file`, its own folder, and `variables` in its environment: `program`, or this machine's own, or
    else the image's."""

    def __init__(self, file: str, folder: Path, variables: Mapping[str, str], program: str | None) -> None:
        program = program or shutil.which("caddy") or IMAGES_CADDY
        self._folder = folder
        self._folder.mkdir(parents=True)
        self._log = folder / "caddy.log"
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder), "ADMIN": "off"}
        arguments = [program, "run", "--adapter", "caddyfile", "--config", str(REPOSITORY / "deploy" / file)]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                arguments, env={**environment, **variables}, stdout=output, stderr=subprocess.STDOUT
            )

    async def answers(self, port: int) -> None:
        """Wait until it listens there."""

        def listens() -> bool:
            assert self._process.poll() is None, self._log.read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        await until(listens, timeout_s=START_LIMIT)

    @property
    def authority(self) -> ssl.SSLContext:
        """Trust in the authority that it made for itself, and in no other."""
        return ssl.create_default_context(cafile=str(self._folder / "caddy/pki/authorities/local/root.crt"))

    async def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self._process.wait, STOP_LIMIT)
        finally:
            self._process.kill()


class Proxy:
    """The proxy of the site: `url` is the site's, under its public name; `http_url` the same without TLS."""

    def __init__(self, caddy: Caddy, http_port: int, https_port: int) -> None:
        self._caddy = caddy
        self.url = f"https://{DOMAIN}:{https_port}"
        self.http_url = f"http://{DOMAIN}:{http_port}"

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[aiohttp.ClientSession]:
        """A client for which the public name is this machine's."""
        connector = aiohttp.TCPConnector(resolver=_Loopback(), ssl=self._caddy.authority)
        async with aiohttp.ClientSession(connector=connector, timeout=PATIENCE, **options) as client:
            yield client


@asynccontextmanager
async def running_proxy(folder: Path, program: str | None = None, **variables: str) -> AsyncIterator[Proxy]:
    """The site's proxy, certificates by its internal authority. `variables`: where the web processes are."""
    http_port, https_port = free_port(), free_port()
    ports = {"HTTP_PORT": str(http_port), "HTTPS_PORT": str(https_port)}
    caddy = Caddy("Caddyfile", folder, {"DOMAIN": DOMAIN, "TLS": "tls internal", **ports, **variables}, program)
    try:
        await caddy.answers(https_port)
        proxy = Proxy(caddy, http_port, https_port)
        await until(lambda: _is_certified(proxy), timeout_s=START_LIMIT)
        yield proxy
    finally:
        await caddy.close()


async def _is_certified(proxy: Proxy) -> bool:
    """Whether it has its certificate; it listens before."""
    try:
        async with proxy.client() as client, client.get(proxy.url + "/metrics"):
            return True
    except (FileNotFoundError, aiohttp.ClientConnectorError):
        return False


class _Loopback(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass
