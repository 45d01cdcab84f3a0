"""The only code that talks to the inference server: answers through `stream`, the short calls through aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import aiohttp
import msgspec

from inference.errors import InferenceError, Interrupted, TimedOut, Unavailable, Unreachable
from inference.protocol import ChatRequest, Message, ModelInfo
from inference.stream import End, Endpoint, Timeouts, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

# For the short calls (health, info, token counts): the page or run that waits for them has better to do.
SHORT_CALL_S = 5.0
INFO_KEPT_FOR_S = 30.0
INFO_LONGEST_S = 300.0


class InferenceClient:
    """A client for one server that speaks the Messages API; TGI's extras are used where it has them.

    Belongs to the event loop that it was made in; `close` it there.
    """

    def __init__(self, base_url: str, *, api_key: str | None = None, timeouts: Timeouts | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeouts = timeouts or Timeouts()
        self._endpoint = Endpoint(self.base_url, api_key)
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
            # No limit here: how many answers run at once is decided elsewhere.
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.timeouts.connect),
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

    @property
    def known_info(self) -> ModelInfo | None:
        """What is known of the model without asking; None before it was asked once. May be read from any thread."""
        known = self._info
        return known[1] if known else None

    def learn(self) -> None:
        """Ask for what `known_info` gives, for whoever looks later."""
        self._ask_anew()

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

    async def model_ids(self) -> list[str]:
        """The names of what is served: by `/info`, or by `/v1/models` where the server has none.

        Raises:
            InferenceError: the server cannot be asked now.
        """
        if known := (await self.info()).model_id:
            return [known]
        with translated_errors():
            async with self._session.get(f"{self.base_url}/v1/models", timeout=_short()) as response:
                body = await response.read()
        try:
            return [model.id for model in msgspec.json.decode(body, type=_Models).data]
        except msgspec.DecodeError:
            return []

    async def post(self, path: str, body: bytes) -> aiohttp.ClientResponse:
        """The server's response to some JSON, whatever it is; to be closed by whoever asked. For `passthrough`."""
        headers = {"Content-Type": "application/json"}
        return await self._session.post(f"{self.base_url}{path}", data=body, headers=headers)

    async def stream_chat(
        self, request: ChatRequest, take: Callable[[str], None], *, session: UUID | None = None
    ) -> End:
        """Stream one answer: each piece of text, never empty, goes to `take`; returns the end. Cancelling it ends the
        generation. `session` is sent as `X-Session-Id`.

        Raises:
            InferenceError: see `errors`; after some pieces it says that this is where the answer broke off.
        """
        return await stream(self._endpoint, request.body(), take, self.timeouts, session=session)


def _look_at_error(task: asyncio.Task[ModelInfo]) -> None:
    """An error that nobody waited for is no news: whoever needs the answer asks again."""
    if not task.cancelled():
        task.exception()


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model] = []


class _Tokenized(msgspec.Struct):
    tokenize_response: list[msgspec.Raw]


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
