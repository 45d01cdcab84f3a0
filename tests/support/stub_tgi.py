"""An engine stub that speaks TGI's chat stream over a real socket, for what a real model cannot be made to do on
demand: be slow, be overloaded, break off, stop at a known token."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Behaviour:
    """What the stub does next; change it at any time.

    `pieces`: the answer's tokens; `delays_s`: before the first token and between two; `refuse_with`: an HTTP status for
    every chat; `break_after`: close the connection after so many pieces, once; `fail_after`: after so many, say in the
    stream that the model is overloaded, as TGI does; `count_delay_s`: before a token count.
    """

    pieces: list[str] = field(default_factory=lambda: ["Hello", ", ", "world", "."])
    first_delay_s: float = 0.0
    delay_s: float = 0.0
    refuse_with: int | None = None
    break_after: int | None = None
    fail_after: int | None = None
    max_input_tokens: int = 4095
    max_total_tokens: int = 4096
    count_delay_s: float = 0.0


class StubTgi:
    """Start it with `async with StubTgi() as stub`; talk to `stub.url`."""

    def __init__(self, *, port: int = 0) -> None:
        self._port = port
        self.behaviour = Behaviour()
        self.requests: list[dict[str, Any]] = []
        self.running = 0
        self.cancelled = 0
        self.sent = 0  # pieces
        self.url = ""
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_get("/info", self._info)
        app.router.add_post("/chat_tokenize", self._chat_tokenize)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._complete)
        app.router.add_post("/generate", self._generate)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)

    async def __aenter__(self) -> StubTgi:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._runner.cleanup()

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response()

    async def _info(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "model_id": "stub",
                "max_input_tokens": self.behaviour.max_input_tokens,
                "max_total_tokens": self.behaviour.max_total_tokens,
            }
        )

    async def _chat_tokenize(self, request: web.Request) -> web.Response:
        """A token is a word; a message's template takes 4."""
        await asyncio.sleep(self.behaviour.count_delay_s)
        messages = (await request.json())["messages"]
        count = sum(len(message["content"].split()) + 4 for message in messages)
        tokens = [{"id": 1, "text": "x", "start": 0, "stop": 1}] * count
        return web.json_response({"tokenize_response": tokens, "templated_text": ""})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        if self.behaviour.refuse_with:
            return self._refusal()
        self.running += 1
        try:
            return await self._stream(request, body)
        except (asyncio.CancelledError, ConnectionResetError):
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        """A stream of the pieces for each prompt, one after the other."""
        body = await request.json()
        self.requests.append(body)
        if self.behaviour.refuse_with:
            return self._refusal()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        for index in range(len(prompts)):
            for piece in self.behaviour.pieces:
                await response.write(_frame({"choices": [{"index": index, "text": piece, "finish_reason": ""}]}))
            usage = {"prompt_tokens": 3, "completion_tokens": len(self.behaviour.pieces)}
            last = {"index": index, "text": "", "finish_reason": "eos_token"}
            await response.write(_frame({"choices": [last], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        if self.behaviour.refuse_with:
            return self._refusal()
        self.running += 1
        try:
            await asyncio.sleep(self.behaviour.first_delay_s)
            headers = {"x-prompt-tokens": "7", "x-generated-tokens": str(len(self.behaviour.pieces))}
            return web.json_response({"generated_text": "".join(self.behaviour.pieces)}, headers=headers)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    def _refusal(self) -> web.Response:
        """TGI's words for too many requests; with 422 for one that it does not take."""
        overloaded = {"error": "Model is overloaded", "error_type": "overloaded"}
        refused = {"error": "Input validation error: no", "error_type": "validation"}
        status = self.behaviour.refuse_with or 429
        return web.json_response(refused if status == 422 else overloaded, status=status)

    async def _stream(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        said = self._already_said(body)
        await asyncio.sleep(self.behaviour.first_delay_s)
        for number, piece in enumerate(self.behaviour.pieces[said:], start=said):
            if self.behaviour.break_after == number:
                self.behaviour.break_after = None
                assert request.transport is not None
                request.transport.abort()
                return response
            if self.behaviour.fail_after == number:
                error = {"message": "Model is overloaded", "http_status_code": 422}
                await response.write(_frame({"error": error}) + b"data: [DONE]\n\n")
                return response
            await response.write(_chunk(delta=piece))
            self.sent += 1
            await asyncio.sleep(self.behaviour.delay_s)
        await response.write(_chunk(finish_reason="stop"))
        usage = {
            "prompt_tokens": 7,
            "completion_tokens": len(self.behaviour.pieces) - said,
            "total_tokens": 0,
        }
        await response.write(_frame({"choices": [], "usage": usage}) + b"data: [DONE]\n\n")
        return response

    def _already_said(self, body: dict[str, Any]) -> int:
        """How many pieces a trailing assistant message holds: the answer goes on after them."""
        last = body["messages"][-1]
        if last["role"] != "assistant":
            return 0
        text = ""
        for count, piece in enumerate(self.behaviour.pieces):
            if text == last["content"]:
                return count
            text += piece
        return len(self.behaviour.pieces)


def _chunk(*, delta: str = "", finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": delta}, "finish_reason": finish_reason}
    return _frame({"object": "chat.completion.chunk", "model": "tgi", "choices": [choice], "usage": None})


def _frame(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"
