"""One web process: `python -m config.server [--fd N]`. SIGTERM or SIGINT hands its answers over and ends it."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from importlib import import_module
from types import FrameType

import uvicorn
from django.core.exceptions import ImproperlyConfigured

from config.env import EnvError, read_env

# Streams end at once when told to; what is left is short requests.
SHUTDOWN_GRACE_S = 3
# A connection that was accepted a moment ago has not been read yet. Uvicorn would close it as idle, and a proxy that
# had sent a request over it could not know whether it was served.
LAST_REQUESTS_S = 0.3


class Server(uvicorn.Server):
    """Uvicorn waits for open responses before it tells the application to stop. Ours include streams that would go on
    for minutes, so the application hears of the signal first."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        from config.asgi import drain

        drain()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, and read what was accepted already before connections are closed."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(LAST_REQUESTS_S)
        await super().shutdown(sockets)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--fd", type=int, help="serve on this inherited listening socket")
    options = arguments.parse_args()
    try:
        env = read_env()
        config = uvicorn.Config(
            "config.asgi:application",
            http="config.heads:BoundedProtocol",
            host=env.host,
            port=env.port,
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        )
        import_module("config.asgi")  # first: what bounds a request's head answers in the API's words
        config.load()
    except (EnvError, ImproperlyConfigured) as error:
        sys.exit(str(error))
    sockets = [socket.socket(fileno=options.fd)] if options.fd is not None else None
    Server(config).run(sockets=sockets)


if __name__ == "__main__":
    main()
