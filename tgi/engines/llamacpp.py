"""llama.cpp behind the engine interface: continuous batching in its own threads, tokens by callback.

Generation runs through the in-process call, one worker thread per running job, because its callback ends a
generation within a token, in prompt processing too; everything else goes over llama.cpp's loopback server.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import xllamacpp

from tgi import gguf
from tgi.engines import llamacpp_grammar, llamacpp_request
from tgi.engines.base import Feature, Grammar, Job, PrefillToken, PromptToken, Token
from tgi.engines.llamacpp_http import LoopbackClient
from tgi.engines.llamacpp_stream import EngineStream, TokenAssembler
from tgi.engines.queue import BatchQueue
from tgi.errors import GenerationError

# Prompt tokens per step. A step cannot be interrupted and every running stream waits for it: 60 tokens
# take about 0.2 s on two CPU cores and cost a tenth of the prompt speed; a GPU does 512 in less. On a CPU, from
# 64 on, flash attention adds up in another order, and a seed would not repeat what it made of a cached prompt.
CPU_BATCH, GPU_BATCH = 60, 512
# llama.cpp's log levels: errors only; the next one fills the terminal.
LOG_ERRORS = 1
# Memory for prompts of conversations whose slot went to another one.
PROMPT_CACHE_MIB = 256


@dataclass(frozen=True, slots=True)
class LlamaCppOptions:
    """How to run a GGUF file. The running jobs, at most ``slots``, share ``max_batch_total_tokens`` cells.

    Where that is enough for ``slots`` jobs of ``max_total_tokens``, every slot has cells of its own. Only then
    does a seed repeat an answer to the last bit whatever else ran or is cached: in shared cells a
    token's place, and with it the order of a sum, depends on the others.
    """

    path: Path
    threads: int
    slots: int
    max_batch_total_tokens: int
    max_total_tokens: int | None = None
    device: str = "auto"

    @property
    def shared(self) -> bool:
        """Whether the slots share their cells."""
        longest = self.max_total_tokens
        return longest is None or self.slots * longest > self.max_batch_total_tokens


class _Place:
    """A slot with its cells, and what works there."""

    def __init__(self) -> None:
        self.work: asyncio.Future[None] | None = None

    def when_idle(self, leave: Callable[[], None]) -> None:
        """Call it once nothing works there."""
        if self.work is None:
            leave()
        else:
            self.work.add_done_callback(lambda _: leave())


class LlamaCppEngine:
    """A GGUF model in this process. The constructor loads it and blocks; raises ``ValueError``."""

    supports: frozenset[Feature] = frozenset(
        {
            "decoder_input_details",
            "frequency_penalty",
            "grammar",
            "repetition_penalty",
            "top_n_tokens",
            "typical_p",
        }
    )

    def __init__(self, options: LlamaCppOptions) -> None:
        self.device = _choose_device(options.device)
        self._api_key = secrets.token_urlsafe(32)
        self._has_template = gguf.has_chat_template(options.path)
        try:
            self._server: Any = xllamacpp.Server(self._params(options))
        except RuntimeError:
            raise ValueError(f"llama.cpp cannot load {options.path}: is the file whole, and is there memory?") from None
        self._queue = BatchQueue(slots=options.slots, tokens=options.max_batch_total_tokens)
        self._threads = ThreadPoolExecutor(options.slots, thread_name_prefix="generation")
        self._streams: set[EngineStream] = set()
        self._closed = False

    @property
    def healthy(self) -> bool:
        """Whether it takes jobs: until it is closed."""
        return not self._closed

    def _params(self, options: LlamaCppOptions) -> Any:
        params = xllamacpp.CommonParams()
        params.model.path = str(options.path)
        params.n_parallel = options.slots
        params.n_ctx = options.max_batch_total_tokens
        params.kv_unified = options.shared
        params.n_batch = params.n_ubatch = GPU_BATCH if self.device == "gpu" else CPU_BATCH
        if self.device == "cpu":
            params.n_gpu_layers = 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
        params.cache_ram_mib = PROMPT_CACHE_MIB
        params.verbosity = LOG_ERRORS
        params.api_keys = [self._api_key]
        params.ui = False
        return params

    async def start(self) -> None:
        """Connect, and generate one token to warm up."""
        self._client = LoopbackClient(self._server.listening_address, self._api_key, has_template=self._has_template)
        prompt = await self.encode("Hello")
        async with aclosing(self.generate(Job(prompt, max_new_tokens=1))) as tokens:
            async for _ in tokens:
                pass

    async def encode(self, text: str) -> list[int]:
        """Ids of ``text``, BOS included where the model wants one."""
        return await self._client.encode(text)

    async def tokenize(self, text: str) -> list[PromptToken]:
        """The same tokens with their places in ``text``."""
        return await self._client.tokenize(text)

    async def apply_template(
        self,
        messages: Sequence[dict[str, Any]],
        *,
        tools: Sequence[dict[str, Any]] | None = None,
        tool_prompt: str = "",
    ) -> str:
        """The prompt for the messages; raises ``TemplateError``."""
        return await self._client.apply_template(messages, tools=tools, tool_prompt=tool_prompt)

    async def check_grammar(self, grammar: Grammar) -> None:
        """Compile it; raises ``ValidationError``."""
        await llamacpp_grammar.check(grammar)

    async def prefill(self, prompt: Sequence[int]) -> list[PrefillToken]:
        """Token by token: each is made the one that follows those before it, which are cached by then.

        A token inside of a character has no probability: llama.cpp reports whole characters only.
        """
        logprobs: list[float | None] = [None]
        async with self._place(len(prompt)) as place:
            for position in range(1, len(prompt)):
                request = llamacpp_request.forced(prompt[:position], prompt[position])
                async with self._run(request, place) as stream:
                    logprobs.append(await stream.first_logprob())
        texts = [await self._client.token_text(token) for token in prompt]
        return [PrefillToken(*fields) for fields in zip(prompt, texts, logprobs, strict=True)]

    async def busy_slots(self) -> int:
        """How many of llama.cpp's slots are at work; 0 when idle."""
        return await self._client.busy_slots()

    async def generate(self, job: Job) -> AsyncGenerator[Token, None]:
        """Queue, then run; see ``Engine.generate``."""
        watch = None if job.grammar is None else await asyncio.to_thread(llamacpp_grammar.Watch, job.grammar)
        request = llamacpp_request.generation(job)
        assembler = TokenAssembler(self._client.ids, self._client.token_text, job.top_n_tokens)
        async with self._place(len(job.prompt) + job.max_new_tokens) as place:
            job.started = time.monotonic()
            async with self._run(request, place) as stream, aclosing(assembler.tokens(stream.chunks())) as tokens:
                async for token in tokens:
                    if watch is not None:
                        watch.accept(token)
                    yield token

    async def aclose(self) -> None:
        """End all jobs and close the connections; llama.cpp itself ends with the process."""
        self._closed = True
        for stream in self._streams:
            stream.cancelled = True
            stream.finish(GenerationError("the server is shutting down"))
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._client.aclose()

    @asynccontextmanager
    async def _place(self, cells: int) -> AsyncIterator[_Place]:
        """Wait for a slot and so many cells; they are given back when llama.cpp has let go of them."""
        await self._queue.enter(cells)
        place = _Place()
        try:
            yield place
        finally:
            place.when_idle(lambda: self._queue.leave(cells))

    @asynccontextmanager
    async def _run(self, request: dict[str, Any], place: _Place) -> AsyncIterator[EngineStream]:
        """Run a request in a thread and follow it; one that is left early is ended."""
        if self._closed:
            raise GenerationError("the server is shutting down")
        stream = EngineStream()
        self._streams.add(stream)
        data = msgspec.json.encode(request)
        place.work = asyncio.get_running_loop().run_in_executor(self._threads, self._call, data, stream)
        place.work.add_done_callback(lambda _: self._streams.discard(stream))
        try:
            yield stream
        finally:
            stream.cancelled = True

    def _call(self, request: bytes, stream: EngineStream) -> None:
        try:
            self._server.handle_completions(request, stream.on_data)
        except Exception as error:
            stream.finish(GenerationError(str(error)))
        else:
            stream.finish()


def _choose_device(wish: str) -> str:
    """ "gpu" or "cpu": auto is the best there is. Raises ``ValueError`` where this build has no such device."""
    has_gpu = any(map(_is_gpu, xllamacpp.get_device_info()))
    if wish in ("cuda", "mps") and not has_gpu:
        raise ValueError(f"llama.cpp finds no GPU for --device {wish}; its package here may be built without")
    return "gpu" if has_gpu and wish != "cpu" else "cpu"


def _is_gpu(device: dict[str, Any]) -> bool:
    kinds = xllamacpp.ggml_backend_dev_type
    return device["type"] in (kinds.GGML_BACKEND_DEVICE_TYPE_GPU, kinds.GGML_BACKEND_DEVICE_TYPE_IGPU)
