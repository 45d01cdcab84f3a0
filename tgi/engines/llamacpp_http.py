"""llama.cpp's own HTTP server on loopback: tokens, templates and slots, which have no in-process call."""

from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from tgi.engines.base import PromptToken
from tgi.engines.templates import with_tools
from tgi.errors import GenerationError, TemplateError

TIMEOUT_SECONDS = 30.0
MAX_CACHED_TEXTS = 4096
PROMPT_TOKENS: dict[str, Any] = {"add_special": True, "parse_special": True}


class LoopbackClient:
    """Asks the engine's HTTP server, with the key that keeps other users of the machine out."""

    def __init__(self, address: str, api_key: str, *, has_template: bool) -> None:
        self._has_template = has_template
        self._session = aiohttp.ClientSession(
            base_url=address,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        )
        self._ids_of_text: dict[str, list[int]] = {}
        self._token_texts: dict[int, str] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def busy_slots(self) -> int:
        """How many slots are processing."""
        _, slots = await self._ask("GET", "/slots")
        return sum(slot["is_processing"] for slot in slots)

    async def encode(self, text: str) -> list[int]:
        """Ids of ``text`` with BOS where the model wants one; special tokens' texts are recognised."""
        ids: list[int] = (await self._ok("/tokenize", PROMPT_TOKENS | {"content": text}))["tokens"]
        return ids

    async def tokenize(self, text: str) -> list[PromptToken]:
        """The same tokens, each with its place in the text."""
        body = PROMPT_TOKENS | {"content": text, "with_pieces": True}
        tokens = (await self._ok("/tokenize", body))["tokens"]
        return place_tokens(text, [(token["id"], _piece_bytes(token["piece"])) for token in tokens])

    async def apply_template(
        self,
        messages: Sequence[dict[str, Any]],
        *,
        tools: Sequence[dict[str, Any]] | None = None,
        tool_prompt: str = "",
    ) -> str:
        """The model's chat template over the messages; the last one by the assistant stays open."""
        if not self._has_template:
            # llama.cpp would take one that is not the model's.
            raise TemplateError("template not found")
        body: dict[str, Any] = {}
        if tools is not None:
            lists_tools = await self._template_lists_tools()
            messages = with_tools(messages, tools, tool_prompt, template_lists_tools=lists_tools)
            if lists_tools:
                body["tools"] = tools
        if messages[-1]["role"] == "assistant" and not messages[-1]["content"]:
            # llama.cpp leaves the assistant's header out for an empty continuation.
            messages = messages[:-1]
        status, answer = await self._ask("POST", "/apply-template", body | {"messages": messages})
        if status != 200:
            # After this word, the template's own; before it, where in the template.
            raise TemplateError(_message(answer).rpartition("Jinja Exception: ")[2])
        return str(answer["prompt"])

    async def _template_lists_tools(self) -> bool:
        _, properties = await self._ask("GET", "/props")
        return bool(properties["chat_template_caps"]["supports_tools"])

    async def ids(self, text: str) -> list[int]:
        """Token ids of a bare text, as the model would most likely write it."""
        if text not in self._ids_of_text:
            if len(self._ids_of_text) >= MAX_CACHED_TEXTS:
                self._ids_of_text.clear()
            body = {"content": text, "add_special": False, "parse_special": False}
            self._ids_of_text[text] = (await self._ok("/tokenize", body))["tokens"]
        return self._ids_of_text[text]

    async def token_text(self, token: int) -> str:
        """How a special token is written, e.g. ``<|im_end|>``."""
        if token not in self._token_texts:
            answer = await self._ok("/detokenize", {"tokens": [token]})
            self._token_texts[token] = answer["content"]
        return self._token_texts[token]

    async def _ok(self, path: str, body: dict[str, Any]) -> Any:
        status, answer = await self._ask("POST", path, body)
        if status != 200:
            raise GenerationError(_message(answer))
        return answer

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        data = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.request(method, path, data=data, headers=headers) as response:
                return response.status, msgspec.json.decode(await response.read())
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError, RuntimeError) as error:
            # RuntimeError: the session was closed while the server shuts down.
            raise GenerationError(f"the engine does not answer: {error}") from error


def place_tokens(text: str, pieces: Sequence[tuple[int, bytes]]) -> list[PromptToken]:
    """Find each piece in the text. Tokens that are part of a character get the whole character's range.

    A piece that is not in the text (BOS, a leading space the tokenizer adds) gets an empty range.
    """
    data = text.encode()
    placed = []
    position = 0
    for token, piece in pieces:
        visible = piece if data.startswith(piece, position) else piece.lstrip(b" ")
        if not visible or not data.startswith(visible, position):
            placed.append(PromptToken(token, "", position, position))
            continue
        start, stop = position, position + len(visible)
        position = stop
        while start > 0 and _continues_character(data, start):
            start -= 1
        while _continues_character(data, stop):
            stop += 1
        placed.append(PromptToken(token, data[start:stop].decode(), start, stop))
    return placed


def _continues_character(data: bytes, position: int) -> bool:
    return position < len(data) and data[position] & 0xC0 == 0x80


def _piece_bytes(piece: str | list[int]) -> bytes:
    return piece.encode() if isinstance(piece, str) else bytes(piece)


def _message(answer: Any) -> str:
    try:
        return str(answer["error"]["message"])
    except (KeyError, TypeError):
        return "the engine gave no reason"
