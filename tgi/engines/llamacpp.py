"""llama.cpp behind the engine interface: continuous batching in its own threads, tokens by callback.

Generation runs through the in-process call, one worker thread per running job, because its callback ends a
generation within a token, in prompt processing too; everything else goes over llama.cpp's loopback server.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import xllamacpp

from tgi.engines.base import Job, PromptToken, Sampling, Token
from tgi.engines.llamacpp_http import LoopbackClient
from tgi.engines.llamacpp_stream import EngineStream, TokenAssembler
from tgi.engines.queue import BatchQueue
from tgi.errors import GenerationError

# Prompt tokens per step. A step cannot be interrupted and every running stream waits for it: 64 tokens
# take about 0.2 s on two CPU cores and cost a tenth of the prompt speed; a GPU does 512 in less.
CPU_BATCH, GPU_BATCH = 64, 512
# llama.cpp's log levels: errors only; the next one fills the terminal.
LOG_ERRORS = 1
# llama.cpp's seeds have 32 bits, and this one means "random".
RANDOM_SEED = 0xFFFFFFFF
# Memory for prompts of conversations whose slot went to another one.
PROMPT_CACHE_MIB = 256


@dataclass(frozen=True, slots=True)
class LlamaCppOptions:
    """How to run a GGUF file. The running jobs, at most ``slots``, share ``max_batch_total_tokens`` cells."""

    path: Path
    threads: int
    slots: int
    max_batch_total_tokens: int


class LlamaCppEngine:
    """A GGUF model in this process. The constructor loads it and blocks; raises ``ValueError``."""

    def __init__(self, options: LlamaCppOptions) -> None:
        self.device = "gpu" if any(map(_is_gpu, xllamacpp.get_device_info())) else "cpu"
        self._api_key = secrets.token_urlsafe(32)
        try:
            self._server: Any = xllamacpp.Server(self._params(options))
        except RuntimeError:
            raise ValueError(f"llama.cpp cannot load {options.path}") from None
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
        params.kv_unified = True
        params.n_batch = params.n_ubatch = GPU_BATCH if self.device == "gpu" else CPU_BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
        params.cache_ram_mib = PROMPT_CACHE_MIB
        params.verbosity = LOG_ERRORS
        params.api_keys = [self._api_key]
        params.ui = False
        return params

    async def start(self) -> None:
        """Connect, and generate one token to warm up."""
        self._client = LoopbackClient(self._server.listening_address, self._api_key)
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

    async def apply_template(self, messages: Sequence[dict[str, str]]) -> str:
        """The prompt for the messages; raises ``TemplateError``."""
        return await self._client.apply_template(messages)

    async def busy_slots(self) -> int:
        """How many of llama.cpp's slots are at work; 0 when idle."""
        return await self._client.busy_slots()

    async def generate(self, job: Job) -> AsyncGenerator[Token, None]:
        """Queue, then run; see ``Engine.generate``."""
        places = len(job.prompt) + job.max_new_tokens
        await self._queue.enter(places)
        job.started = time.monotonic()
        stream = EngineStream()
        self._run(job, stream, places)
        assembler = TokenAssembler(self._client.ids, self._client.special_text)
        try:
            async with aclosing(assembler.tokens(stream.chunks())) as tokens:
                async for token in tokens:
                    yield token
        finally:
            stream.cancelled = True

    async def aclose(self) -> None:
        """End all jobs and close the connections; llama.cpp itself ends with the process."""
        self._closed = True
        for stream in self._streams:
            stream.cancelled = True
            stream.finish(GenerationError("the server is shutting down"))
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._client.aclose()

    def _run(self, job: Job, stream: EngineStream, places: int) -> None:
        """Start the job in a thread; its place is given back when llama.cpp has let go of it."""
        if self._closed:
            self._queue.leave(places)
            raise GenerationError("the server is shutting down")
        self._streams.add(stream)

        def done(_: asyncio.Future[None]) -> None:
            self._streams.discard(stream)
            self._queue.leave(places)

        request = msgspec.json.encode(_request(job))
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._call, request, stream)
        future.add_done_callback(done)

    def _call(self, request: bytes, stream: EngineStream) -> None:
        try:
            self._server.handle_completions(request, stream.on_data)
        except Exception as error:
            stream.finish(GenerationError(str(error)))
        else:
            stream.finish()


def _is_gpu(device: dict[str, Any]) -> bool:
    kinds = xllamacpp.ggml_backend_dev_type
    return device["type"] in (kinds.GGML_BACKEND_DEVICE_TYPE_GPU, kinds.GGML_BACKEND_DEVICE_TYPE_IGPU)


def _request(job: Job) -> dict[str, Any]:
    """The job in llama.cpp's words. What it has defaults of its own for is set or switched off."""
    sampling = job.sampling
    return {
        "prompt": job.prompt,
        "n_predict": job.max_new_tokens,
        "stream": True,
        # Token ids and counts in every chunk, and a chunk for every step of the prompt (to stop it there).
        "verbose": True,
        "return_progress": True,
        "cache_prompt": True,
        "n_probs": 1 if job.logprobs else 0,
        "samplers": ["penalties", "temperature", "top_k", "top_p", "typ_p"],
        "temperature": 0.0 if sampling.seed is None else sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "typical_p": sampling.typical_p,
        "min_p": 0.0,
        "repeat_last_n": len(job.prompt) + job.max_new_tokens,
        "repeat_penalty": sampling.repetition_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "seed": _fold_seed(sampling),
    }


def _fold_seed(sampling: Sampling) -> int:
    if sampling.seed is None:
        return 0
    return min((sampling.seed ^ sampling.seed >> 32) & 0xFFFFFFFF, RANDOM_SEED - 1)
