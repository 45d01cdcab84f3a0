"""Any causal language model of transformers behind the engine interface: CUDA, MPS or CPU, requests batched by token.

transformers' own continuous batching has one way of sampling for all requests, no grammars and no
log-probabilities, and masks every request's keys for every other's queries where there is no flash attention; so the
scheduler is ours, and everything about the model is theirs.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tgi.engines.base import Alternative, Feature, Grammar, Job, PrefillToken, PromptToken, Sampling, Token
from tgi.engines.transformers_batch import Batch, Line, Report
from tgi.engines.transformers_cache import SLACK
from tgi.engines.transformers_grammar import Grammars, Matcher
from tgi.engines.transformers_model import Loaded, load
from tgi.engines.transformers_sampling import Choice
from tgi.engines.transformers_scheduler import Capacity, Scheduler
from tgi.engines.transformers_tokens import TextStream, Tokens
from tgi.errors import GenerationError

GPU_LINES, CPU_LINES = 128, 16
# Of the memory that is free once the model is loaded; the rest is for the steps themselves.
CACHE_SHARE = 0.8
# Elsewhere what is free cannot be asked for, or belongs to others too.
SHARED_CACHE_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class TransformersOptions:
    """A folder or GGUF file, and how to run it. None: what suits the device and its memory."""

    path: Path
    device: str = "auto"
    dtype: str | None = None
    threads: int | None = None
    slots: int | None = None
    max_batch_total_tokens: int | None = None


class TransformersEngine:
    """A model in this process. The constructor loads it and blocks; raises ``ValueError``."""

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

    def __init__(self, options: TransformersOptions) -> None:
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        self._loaded = load(options.path, device=options.device, dtype=options.dtype)
        self._tokens = Tokens(self._loaded.tokenizer)
        self._capacity = _capacity(options, self._loaded)
        self._scheduler: Scheduler | None = None
        self.device = "cpu" if self._loaded.device.type == "cpu" else "gpu"

    @property
    def healthy(self) -> bool:
        """Whether it takes jobs: until it is closed or its device fails."""
        return self._scheduler is not None and not self._scheduler.broken

    @property
    def description(self) -> str:
        """Device and type, for people."""
        device, kind = self._loaded.device, str(self._loaded.model.dtype).removeprefix("torch.")
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        return f"{name} in {kind}"

    @property
    def running(self) -> int:
        """How many jobs have a place."""
        return self._scheduler.running if self._scheduler is not None else 0

    async def start(self) -> None:
        """Start the scheduler, and generate two tokens to warm up."""
        loop = asyncio.get_running_loop()

        def deliver(reports: list[tuple[Line, Report]]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_distribute, reports)

        self._scheduler = Scheduler(self._loaded, self._capacity, deliver)
        loaded = self._loaded
        self._grammars = loop.run_in_executor(None, Grammars, loaded.tokenizer, loaded.ends, loaded.vocabulary)
        job = Job(await self.encode("Hello"), max_new_tokens=2, sampling=Sampling(seed=0))
        async with aclosing(self.generate(job)) as tokens:
            async for _ in tokens:
                pass

    async def encode(self, text: str) -> list[int]:
        """Ids of ``text``, BOS included where the model wants one."""
        return await asyncio.to_thread(self._tokens.encode, text)

    async def tokenize(self, text: str) -> list[PromptToken]:
        """The same tokens with their places in ``text``."""
        return await asyncio.to_thread(self._tokens.tokenize, text)

    async def apply_template(
        self,
        messages: Sequence[dict[str, Any]],
        *,
        tools: Sequence[dict[str, Any]] | None = None,
        tool_prompt: str = "",
    ) -> str:
        """The prompt for the messages; raises ``TemplateError``."""
        return self._tokens.apply_template(messages, tools=tools, tool_prompt=tool_prompt)

    async def check_grammar(self, grammar: Grammar) -> None:
        """Compile it; raises ``ValidationError``."""
        await self._matcher(grammar)

    async def prefill(self, prompt: Sequence[int]) -> list[PrefillToken]:
        """The prompt's tokens with their log-probabilities; see ``Engine.prefill``."""
        line = Line(Job(prompt, max_new_tokens=0), only_prompt=True)
        async with aclosing(self._reports(line)) as reports:
            async for logprobs in reports:
                if isinstance(logprobs, list):
                    return [
                        PrefillToken(token, self._tokens.text(token), logprob)
                        for token, logprob in zip(prompt, [None, *logprobs], strict=True)
                    ]
        raise GenerationError("the engine gave no probabilities")

    async def generate(self, job: Job) -> AsyncGenerator[Token, None]:
        """Queue, then run; see ``Engine.generate``."""
        matcher = None
        if job.grammar is not None:
            matcher = await self._matcher(job.grammar)
        texts = TextStream(self._tokens, job.prompt)
        async with aclosing(self._reports(Line(job, matcher))) as reports:
            async for choice in reports:
                if isinstance(choice, Choice):
                    yield self._token(job, choice, texts.push(choice.id))

    async def aclose(self) -> None:
        """End all jobs; the model goes with the engine."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            await asyncio.to_thread(scheduler.close)

    async def _matcher(self, grammar: Grammar) -> Matcher:
        return await asyncio.to_thread((await self._grammars).matcher, grammar)

    async def _reports(self, line: Line) -> AsyncGenerator[Report, None]:
        """What the scheduler says of the line; raises what it failed with."""
        if self._scheduler is None:
            raise GenerationError("the server is shutting down")
        if not line.tokens or not all(0 <= token < self._loaded.vocabulary for token in line.tokens):
            # A GPU would not get over it.
            raise GenerationError("the prompt has a token that the model does not know")
        self._scheduler.submit(line)
        try:
            while (report := await line.reports.get()) is not None:
                if isinstance(report, Exception):
                    raise report
                yield report
        finally:
            line.cancelled = True

    def _token(self, job: Job, choice: Choice, text: str) -> Token:
        ends = choice.id in self._loaded.ends
        return Token(
            choice.id,
            text,
            choice.logprob if job.logprobs else None,
            special=ends or self._tokens.is_special(choice.id),
            eos=ends,
            top=tuple(
                Alternative(token, self._tokens.text(token), logprob, self._tokens.is_special(token))
                for token, logprob in choice.top
            ),
        )


def _distribute(reports: list[tuple[Line, Report]]) -> None:
    for line, report in reports:
        line.reports.put_nowait(report)


def _capacity(options: TransformersOptions, loaded: Loaded) -> Capacity:
    """What was asked for, or what the memory that is left has room for."""
    on_gpu = loaded.device.type != "cpu"
    lines = options.slots or (GPU_LINES if on_gpu else CPU_LINES)
    if options.max_batch_total_tokens is not None:
        return Capacity(lines, options.max_batch_total_tokens)
    free = SHARED_CACHE_BYTES
    if loaded.device.type == "cuda":
        free = int(torch.cuda.mem_get_info(loaded.device)[0] * CACHE_SHARE)
    # Buffers have some room to spare in both directions.
    spare = (1 + 1 / SLACK) ** 2
    return Capacity(lines, int(free / spare / _bytes_per_token(loaded)))


def _bytes_per_token(loaded: Loaded) -> int:
    batch = Batch(loaded, [Line(Job([0], max_new_tokens=1))])
    with torch.inference_mode():
        batch.forward(1)
    return batch.bytes_per_token
