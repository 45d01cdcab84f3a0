"""The only code that talks to the inference server. Whoever opens a stream closes it, and closing it ends the
generation on the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from inference.errors import InferenceError, Interrupted, TimedOut, Unavailable, Unreachable, from_status
from inference.protocol import ChatRequest, EventReader, Message, ModelInfo, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

# For the short calls (health, info, token counts): the page or run that waits for them has better to do.
SHORT_CALL_S = 5.0
INFO_KEPT_FOR_S = 30.0
INFO_LONGEST_S = 300.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, until the first token of an answer, and between two tokens."""

    connect: float = 5.0
    first_token: float = 120.0
    token: float = 60.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer's text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class End:
    """The end of an answer: `finish_reason` is stop, length, stop_sequence or the server's own word."""

    finish_reason: str
    prompt_tokens: int | None
    generated_tokens: int | None


class InferenceClient:
    """A client for one server that speaks the Messages API; TGI's extras are used where it has them.

    Belongs to the event loop that it was made in; `close` it there.
    """

    def __init__(self, base_url: str, *, api_key: str | None = None, timeouts: Timeouts | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeouts = timeouts or Timeouts()
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
            # No limit here: how many answers run at once is decided elsewhere.
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.timeouts.connect),
            read_bufsize=2**16,
        )
        self._info: tuple[float, ModelInfo] | None = None
        self._asking: asyncio.Task[ModelInfo] | None = None

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        await self._session.close()

    async def healthy(self) -> bool:
        """Whether the server is up and its model loaded. Never raises."""
        try:
            with translated_errors():
                async with self._session.get(f"{self.base_url}/health", timeout=_short()) as response:
                    return response.status == 200
        except InferenceError:
            return False

    async def info(self) -> ModelInfo:
        """The model's name and limits; empty where the server has no `/info`. Known for 30 s; what is older is still
        given, for some minutes, while it is asked for anew: no answer waits for this twice. Many callers ask once.

        Raises:
            InferenceError: the server cannot be asked now.
        """
        known = self._info
        age = asyncio.get_running_loop().time() - known[0] if known else float("inf")
        if known is None or age > INFO_LONGEST_S:
            return await asyncio.shield(self._ask_anew())
        if age > INFO_KEPT_FOR_S:
            self._ask_anew()
        return known[1]

    def _ask_anew(self) -> asyncio.Task[ModelInfo]:
        """The one request for it that is under way."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_info(), name="model info")
            self._asking.add_done_callback(_look_at_error)
        return self._asking

    async def _ask_info(self) -> ModelInfo:
        info = await self._fetch_info()
        self._info = (asyncio.get_running_loop().time(), info)
        return info

    async def _fetch_info(self) -> ModelInfo:
        with translated_errors():
            async with self._session.get(f"{self.base_url}/info", timeout=_short()) as response:
                if response.status >= 500:
                    raise Unavailable(f"/info answered {response.status}")
                body = await response.read()
        try:
            return msgspec.json.decode(body, type=ModelInfo) if response.status == 200 else ModelInfo()
        except msgspec.DecodeError:
            return ModelInfo()

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """The tokens of the messages in the model's chat template; None where the server cannot count.

        Raises:
            InferenceError: the server cannot be asked now.
        """
        with translated_errors():
            async with self._session.post(
                f"{self.base_url}/chat_tokenize",
                data=msgspec.json.encode({"model": "tgi", "messages": messages}),
                headers={"Content-Type": "application/json"},
                timeout=_short(),
            ) as response:
                body = await response.read()
        if response.status != 200:
            return None
        try:
            return len(msgspec.json.decode(body, type=_Tokenized).tokenize_response)
        except msgspec.DecodeError:
            return None

    async def stream_chat(self, request: ChatRequest) -> AsyncGenerator[Piece | End]:
        """Stream one answer: pieces of text, then its end. Close the generator to end the generation.

        Raises:
            InferenceError: see `errors`; after some pieces it says that this is where the answer broke off.
        """
        reader = EventReader()
        finish_reason = ""
        usage: Usage | None = None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.timeouts.first_token
        with translated_errors():
            async with asyncio.timeout_at(deadline):
                response = await self._post_chat(request)
            async with response:
                while not reader.done:
                    async with asyncio.timeout_at(deadline):
                        data = await response.content.readany()
                    if not data:
                        break
                    for chunk in reader.feed(data):
                        usage = chunk.usage or usage
                        for choice in chunk.choices:
                            finish_reason = choice.finish_reason or finish_reason
                            if text := choice.delta.content:
                                deadline = loop.time() + self.timeouts.token
                                yield Piece(text)
        if not finish_reason:
            raise Interrupted("the stream ended without a finish reason")
        yield End(
            finish_reason,
            usage.prompt_tokens if usage else None,
            usage.completion_tokens if usage else None,
        )

    async def _post_chat(self, request: ChatRequest) -> aiohttp.ClientResponse:
        response = await self._session.post(
            f"{self.base_url}/v1/chat/completions",
            data=request.body(),
            headers={"Content-Type": "application/json", "Accept": "text/event-stream"},
        )
        if response.status != 200:
            async with response:
                detail = (await response.content.read(2000)).decode(errors="replace")
            raise from_status(response.status, _error_text(detail))
        return response


def _look_at_error(task: asyncio.Task[ModelInfo]) -> None:
    """An error that nobody waited for is no news: whoever needs the answer asks again."""
    if not task.cancelled():
        task.exception()


class _Tokenized(msgspec.Struct):
    tokenize_response: list[msgspec.Raw]


class _ErrorBody(msgspec.Struct):
    error: str | dict[str, object] = ""


def _error_text(body: str) -> str:
    """The server's own words: TGI's `error`, OpenAI's `error.message`, or the body as it is."""
    try:
        error = msgspec.json.decode(body, type=_ErrorBody).error
    except msgspec.DecodeError:
        return body
    return error if isinstance(error, str) and error else str(error.get("message", body)) if error else body


def _short() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=SHORT_CALL_S)


@contextmanager
def translated_errors() -> Iterator[None]:
    """The HTTP library's errors as ours. What comes after the first byte of an answer is an interruption too: the
    caller knows whether it had text already."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        raise Unreachable(str(error)) from error
    except (aiohttp.ServerTimeoutError, TimeoutError) as error:
        raise TimedOut(str(error)) from error
    except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        raise Interrupted(str(error)) from error
    except aiohttp.ClientError as error:
        raise Unreachable(str(error)) from error
