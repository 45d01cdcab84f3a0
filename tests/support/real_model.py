"""The real model behind the local server's own routes, on this event loop, where the engine can be looked into."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass

import aiohttp
import uvicorn

from tests.support.waiting import until
from tgi.app import build_app
from tgi.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from tgi.models import resolve
from tgi.protocol.validation import Limits
from tgi.serving import Permits, Service

SLOTS = 2


@dataclass(frozen=True, slots=True)
class RealModel:
    """Its address, and the engine."""

    url: str
    engine: LlamaCppEngine

    async def count_tokens(self, messages: list[dict[str, str]]) -> int:
        """The length of a conversation in the model's template."""
        body = {"model": "tgi", "messages": messages}
        async with aiohttp.ClientSession() as client, client.post(f"{self.url}/chat_tokenize", json=body) as response:
            return len((await response.json())["tokenize_response"])


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C is for the tests."""
        yield


@asynccontextmanager
async def real_model(window: int) -> AsyncIterator[RealModel]:
    """Load the bundled model, for prompts and answers of `window` tokens together."""
    found = resolve(None)
    options = LlamaCppOptions(path=found.path, threads=1, slots=SLOTS, max_batch_total_tokens=SLOTS * window)
    engine = await asyncio.to_thread(LlamaCppEngine, options)
    await engine.start()
    service = Service(engine, found.id, Limits(window - 1, window, 4), Permits(16))
    app = build_app(service, {"model_id": found.id, **asdict(service.limits)})
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = _Server(uvicorn.Config(app, lifespan="off", log_level="warning", access_log=False))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await until(lambda: server.started or serving.done())
            yield RealModel(f"http://127.0.0.1:{listening.getsockname()[1]}", engine)
        finally:
            await engine.aclose()
            server.should_exit = True
            await serving
