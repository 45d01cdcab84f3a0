"""From llama.cpp's chunks, written by its threads, to tokens in the event loop."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace

import msgspec

from tgi.engines.base import Alternative, Token
from tgi.errors import GenerationError


class Candidate(msgspec.Struct, frozen=True):
    """A token that could have been chosen; ``text`` without what is no whole character."""

    id: int
    logprob: float
    text: str = msgspec.field(name="token", default="")
    bytes: tuple[int, ...] = ()


class Probability(msgspec.Struct, frozen=True):
    """Log-probability of the token that was chosen, and the most likely ones."""

    logprob: float
    top_logprobs: tuple[Candidate, ...] = ()


class Chunk(msgspec.Struct, frozen=True):
    """What llama.cpp reports of one step: a token, progress on the prompt, or the end.

    ``tokens_predicted`` counts all tokens so far. It grows by more than one where tokens ended inside of
    a character: llama.cpp holds those back and reports the whole character with its last token's id.
    """

    content: str = ""
    tokens: tuple[int, ...] = ()
    tokens_predicted: int = 0
    stop: bool = False
    stop_type: str = "none"
    completion_probabilities: tuple[Probability, ...] = ()


class ChunkError(msgspec.Struct, frozen=True):
    """Why llama.cpp refused or gave up."""

    message: str


class _Envelope(msgspec.Struct, frozen=True, rename={"chunk": "__verbose"}):
    chunk: Chunk | None = None
    error: ChunkError | None = None


_decoder = msgspec.json.Decoder(_Envelope)


class EngineStream:
    """Hands chunks over from an engine thread to the event loop, and "stop" the other way."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[Chunk | Exception | None] = asyncio.Queue()
        self.cancelled = False

    def on_data(self, data: bytes) -> bool:
        """The engine's callback, in the engine's thread; True ends the generation."""
        try:
            envelope = _decoder.decode(data)
        except msgspec.MsgspecError as error:
            self.finish(GenerationError(f"unreadable answer of the engine: {error}"))
            return True
        if envelope.error is not None:
            self.finish(GenerationError(envelope.error.message))
            return True
        if envelope.chunk is not None and (envelope.chunk.stop or envelope.chunk.tokens_predicted):
            self._put(envelope.chunk)
        return self.cancelled

    def finish(self, error: Exception | None = None) -> None:
        """Nothing more will come. Any thread; only the first call counts."""
        self._put(error)

    def _put(self, item: Chunk | Exception | None) -> None:
        # A closed loop: the server is gone and nobody listens.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._chunks.put_nowait, item)

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Chunks as they come; raises what ``finish`` was given."""
        while (item := await self._chunks.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    async def first_logprob(self) -> float | None:
        """Of the first token, once everything is there; None where llama.cpp does not report the token."""
        logprobs = [p.logprob async for chunk in self.chunks() for p in chunk.completion_probabilities]
        return logprobs[0] if logprobs else None


class TokenAssembler:
    """Makes tokens of chunks: fills in tokens that were held back, and tells what a special token is.

    A token without text is a special one. Whether it ended the text is only known with the next chunk,
    which for an end comes at once: so special tokens, and only they, wait for it.
    """

    def __init__(
        self,
        ids: Callable[[str], Awaitable[list[int]]],
        token_text: Callable[[int], Awaitable[str]],
        top_n_tokens: int = 0,
    ) -> None:
        self._ids = ids
        self._token_text = token_text
        self._top_n_tokens = top_n_tokens

    async def tokens(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Token, None]:
        """All tokens, in order."""
        count = 0
        waiting: Token | None = None
        async for chunk in chunks:
            if waiting is not None:
                ended = chunk.stop and chunk.stop_type == "eos"
                yield replace(waiting, eos=ended)
                waiting = None
            held_back = chunk.tokens_predicted - count - (0 if chunk.stop else 1)
            count = chunk.tokens_predicted
            if held_back > 0:
                for missing in await self._held_back(chunk, held_back):
                    yield Token(missing, "")
            if chunk.stop:
                return
            token = await self._token(chunk)
            if token.special:
                waiting = token
            else:
                yield token
        if waiting is not None:
            yield waiting

    async def _token(self, chunk: Chunk) -> Token:
        token = chunk.tokens[0]
        logprob: float | None = None
        top: tuple[Alternative, ...] = ()
        if chunk.completion_probabilities:
            probability = chunk.completion_probabilities[0]
            logprob = probability.logprob
            top = tuple([await self._alternative(one) for one in probability.top_logprobs[: self._top_n_tokens]])
        if chunk.content:
            return Token(token, chunk.content, logprob, top=top)
        return Token(token, await self._token_text(token), logprob, special=True, top=top)

    async def _alternative(self, candidate: Candidate) -> Alternative:
        if candidate.bytes:
            return Alternative(candidate.id, candidate.text, candidate.logprob)
        return Alternative(candidate.id, await self._token_text(candidate.id), candidate.logprob, special=True)

    async def _held_back(self, chunk: Chunk, number: int) -> list[int]:
        """Ids of the tokens before this chunk's, which llama.cpp does not report.

        They are the ones the tokenizer makes of the same text. Where it would have written the text
        otherwise, or the answer ends inside a character, they are unknown and given as 0.
        """
        if chunk.content and chunk.tokens:
            ids = await self._ids(chunk.content)
            if len(ids) == number + 1 and ids[-1] == chunk.tokens[0]:
                return ids[:-1]
        return [0] * number
