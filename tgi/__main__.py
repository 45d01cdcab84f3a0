"""``python -m tgi``: load a model, then serve it. Exit code 2 and one line when it cannot start."""

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
from tgi.models import Model, ModelError, resolve
from tgi.protocol.responses import VERSION
from tgi.protocol.validation import Limits
from tgi.serving import Permits, Service
from tgi.settings import CONTEXT_TOKENS, Settings, read_settings

log = logging.getLogger("tgi")

FULL_REQUESTS_IN_CACHE = 4
GRACE_SECONDS = 1


class StartupError(Exception):
    """The server cannot start; ``str()`` is the line to show."""


class Server(uvicorn.Server):
    """Uvicorn that ends running generations first, so that a stop takes no longer than a token."""

    def __init__(self, config: uvicorn.Config, engine: Engine) -> None:
        super().__init__(config)
        self._engine = engine

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT both mean a stop in good order; uvicorn would raise them again after it."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.should_exit = True

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
        model = resolve(settings.model_id)
        limits = token_limits(settings, model.context_length)
        engine = load(settings, model, limits)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, model, limits, engine, listener))
    except (StartupError, ModelError, InferenceError) as error:
        log.error("%s", error)  # noqa: TRY400 - one line for a person, who has no use for a traceback
        leave(2)
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


def load(settings: Settings, model: Model, limits: Limits) -> Engine:
    """The model, loaded. Raises ``StartupError``."""
    # Late: a mistake in the settings should not wait for the engine's libraries.
    from tgi.engines.llamacpp import LlamaCppEngine, LlamaCppOptions

    full = limits.max_total_tokens * FULL_REQUESTS_IN_CACHE
    log.info("Loading %s", model.id)
    try:
        return LlamaCppEngine(
            LlamaCppOptions(
                path=model.path,
                threads=settings.threads,
                slots=settings.max_batch_size,
                max_batch_total_tokens=settings.max_batch_total_tokens or full,
            )
        )
    except ValueError as error:
        raise StartupError(f"MODEL_ID={model.id}: {error}. Is the file whole, and is there memory?") from None


async def serve(settings: Settings, model: Model, limits: Limits, engine: Engine, listener: socket.socket) -> None:
    """Warm up, open the port, serve until a signal."""
    await engine.start()
    service = Service(engine, model.id, limits, Permits(settings.max_concurrent_requests))
    app = build_app(
        service,
        info_body(settings, service),
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
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    host, port = listener.getsockname()[:2]
    log.info("Serving %s on http://%s:%s", model.id, host, port)
    try:
        await Server(config, engine).serve([listener])
    except OSError as error:
        raise StartupError(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port.") from None


def token_limits(settings: Settings, context_length: int) -> Limits:
    """The limits asked for, as far as the model goes. Raises ``StartupError``."""
    total = settings.max_total_tokens or min(context_length, CONTEXT_TOKENS)
    if total > context_length:
        raise StartupError(f"MAX_TOTAL_TOKENS is {total}, but the model's context has {context_length} tokens.")
    prompt = settings.max_input_tokens or total - 1
    if prompt >= total:
        raise StartupError(f"MAX_INPUT_TOKENS ({prompt}) must be less than the {total} tokens in total.")
    return Limits(prompt, total, settings.max_stop_sequences)


def info_body(settings: Settings, service: Service) -> dict[str, Any]:
    """The answer of ``/info``."""
    return {
        "model_id": service.model_id,
        "model_sha": None,
        "model_pipeline_tag": "text-generation",
        "max_concurrent_requests": settings.max_concurrent_requests,
        "max_client_batch_size": settings.max_client_batch_size,
        "validation_workers": 1,
        **asdict(service.limits),
        "router": "parley",
        "version": VERSION,
        "sha": None,
        "docker_label": None,
    }


if __name__ == "__main__":
    main()
