"""``python -m tgi``: load a model, then serve it.

Exit code 2 and one line when it cannot start, 1 when the engine dies.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import uvicorn
import uvloop

from tgi.app import build_app
from tgi.engines.base import Engine
from tgi.errors import InferenceError
from tgi.loading import StartupError, load, token_limits
from tgi.models import Model, ModelError, resolve
from tgi.protocol.responses import VERSION
from tgi.protocol.validation import Limits
from tgi.serving import Permits, Service
from tgi.settings import Settings, read_settings

log = logging.getLogger("tgi")

GRACE_SECONDS = 1
# Longer than clients keep an idle connection, or one of them uses it just when it is closed.
KEEP_ALIVE_SECONDS = 75


class EngineDiedError(Exception):
    """The engine takes no more jobs, though nobody closed it."""


class Server(uvicorn.Server):
    """Uvicorn that ends running generations first, so that a stop takes no longer than a token.

    It stops by itself when the engine has died, so that whoever watches over it starts a new one.
    """

    def __init__(self, config: uvicorn.Config, engine: Engine, model_id: str) -> None:
        super().__init__(config)
        self._engine = engine
        self._model_id = model_id
        self.engine_died = False

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT both mean a stop in good order; uvicorn would raise them again after it."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the port, and say so."""
        await super().startup(sockets)
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            log.info("Serving %s on http://%s:%s", self._model_id, f"[{host}]" if ":" in host else host, port)

    def _stop(self) -> None:
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop."""
        self.engine_died = not self._engine.healthy
        return await super().on_tick(counter) or self.engine_died

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the engine, then the connections."""
        await self._engine.aclose()
        await super().shutdown(sockets)


def main() -> None:
    """Run until a signal; see the module."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    settings = read_settings(sys.argv[1:], os.environ)
    try:
        listener = bind(settings)
        model = resolve(settings.model_id, settings.revision, folders=settings.engine == "transformers")
        limits = token_limits(settings, model.context_length)
        engine = load(settings, model, limits)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, model, limits, engine, listener))
    except (StartupError, ModelError, InferenceError) as error:
        log.error("%s", error)  # noqa: TRY400 - one line for a person, who has no use for a traceback
        leave(2)
    except EngineDiedError:
        log.error("The engine has died.")  # noqa: TRY400 - its own lines above say why
        leave(1)
    except KeyboardInterrupt:
        leave(130)
    leave(0)


def leave(code: int) -> None:
    """End the process at once: a step of llama.cpp can take seconds, and its threads would be waited for."""
    logging.shutdown()
    os._exit(code)


def bind(settings: Settings) -> socket.socket:
    """Take the address, before the model is loaded; nobody can connect until ``serve`` listens."""
    if settings.fd is not None:
        return socket.socket(fileno=settings.fd)
    address = f"{settings.hostname}:{settings.port}"
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            settings.hostname, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
    except OSError as error:
        raise StartupError(
            f"Cannot listen on {address}: {error.strerror}. Choose another --port, or stop what uses it."
        ) from None
    return listener


async def serve(settings: Settings, model: Model, limits: Limits, engine: Engine, listener: socket.socket) -> None:
    """Warm up, open the port, serve until a signal."""
    await engine.start()
    service = Service(engine, model.id, limits, Permits(settings.max_concurrent_requests))
    app = build_app(
        service,
        info_body(settings, model, service.limits),
        api_key=settings.api_key,
        cors_origins=settings.cors_allow_origin,
    )
    config = uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Server(config, engine, model.id)
    try:
        await server.serve([listener])
    except OSError as error:
        address = "{}:{}".format(*listener.getsockname()[:2])
        raise StartupError(f"Cannot listen on {address}: {error.strerror}. Choose another --port.") from None
    if server.engine_died:
        raise EngineDiedError


def info_body(settings: Settings, model: Model, limits: Limits) -> dict[str, Any]:
    """The answer of ``/info``."""
    return {
        "model_id": model.id,
        "model_sha": model.sha,
        "model_pipeline_tag": "text-generation",
        "max_concurrent_requests": settings.max_concurrent_requests,
        **asdict(limits),
        "validation_workers": 1,
        "router": "parley",
        "version": VERSION,
        "sha": None,
        "docker_label": None,
    }


if __name__ == "__main__":
    main()
