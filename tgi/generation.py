"""A validated request over an engine: TGI's stopping rules, texts and times."""

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from tgi.engines.base import Engine, Grammar, Job, Token
from tgi.errors import IncompleteError, IncompleteStreamError
from tgi.metrics import Times
from tgi.protocol.grammar import read_grammar
from tgi.protocol.requests import GenerateParameters
from tgi.protocol.responses import FinishReason
from tgi.protocol.validation import Limits, check_lengths, check_parameters, check_supported
from tgi.serving import Service


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a generation; ``text`` is all of it, special tokens left out, stop text included."""

    reason: FinishReason
    generated_tokens: int
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One token, counted from 1; the last one carries the ``finish``."""

    index: int
    token: Token
    finish: Finish | None = None


@dataclass(slots=True)
class Generation:
    """A request that passed validation. Times are ``time.monotonic()`` seconds."""

    inputs: str
    parameters: GenerateParameters
    job: Job
    arrived: float
    validated: float = field(default_factory=time.monotonic)

    @property
    def input_length(self) -> int:
        """Prompt tokens, after truncation."""
        return len(self.job.prompt)

    @property
    def seed(self) -> int | None:
        """The seed in use, None for greedy."""
        return self.job.sampling.seed

    def times(self, generated_tokens: int) -> Times:
        """How long it took, asked when the last token is there."""
        now = time.monotonic()
        started = self.job.started or self.validated
        return Times(
            total=now - self.arrived,
            validation=self.validated - self.arrived,
            queue=started - self.validated,
            inference=now - started,
            generated_tokens=generated_tokens,
        )

    def again(self) -> "Generation":
        """Another one of the same request, with a seed of its own."""
        sampling = replace(self.job.sampling, seed=secrets.randbits(64))
        return replace(self, job=replace(self.job, sampling=sampling))

    def output(self, text: str) -> str:
        """The text as asked for: with the prompt before it, or without."""
        return self.inputs + text if self.parameters.return_full_text else text


async def prepare(
    engine: Engine, limits: Limits, inputs: str, parameters: GenerateParameters, *, logprobs: bool
) -> Generation:
    """Validate in TGI's order, tokenize, compile. Raises ``ValidationError``."""
    arrived = time.monotonic()
    sampling = check_parameters(inputs, parameters, limits)
    check_supported(parameters, engine.supports)
    prompt = await engine.encode(inputs)
    if parameters.truncate is not None:
        prompt = prompt[-parameters.truncate :]
    max_new_tokens = check_lengths(len(prompt), parameters.max_new_tokens, limits)
    job = Job(
        prompt,
        max_new_tokens,
        sampling,
        logprobs=logprobs,
        top_n_tokens=parameters.top_n_tokens or 0,
        grammar=await _compile(engine, parameters),
    )
    return Generation(inputs, parameters, job, arrived)


async def _compile(engine: Engine, parameters: GenerateParameters) -> Grammar | None:
    if parameters.grammar is None:
        return None
    grammar = read_grammar(parameters.grammar)
    await engine.check_grammar(grammar)
    return grammar


async def run(service: Service, generation: Generation) -> AsyncGenerator[Step, None]:
    """Steps until a rule ends it; the engine is told to stop there. Raises ``InferenceError``."""
    stopping = Stopping(generation.job.max_new_tokens, generation.parameters.stop)
    parts: list[str] = []
    index = 0
    with service.metrics.running(generation.job):
        async with aclosing(service.engine.generate(generation.job)) as tokens:
            async for token in tokens:
                index += 1
                if not token.special:
                    parts.append(token.text)
                reason = stopping.check(token)
                if reason is not None:
                    service.metrics.finished(generation.times(index))
                    yield Step(index, token, Finish(reason, index, "".join(parts)))
                    return
                yield Step(index, token)
    raise IncompleteStreamError


class Stopping:
    """TGI's order: length, then the end of the model's turn, then a stop text at the end of the output.

    As in TGI, a stop text counts when the output ends with it, or with it and one line break: a token that
    goes on after the stop text passes.
    """

    def __init__(self, max_new_tokens: int, stop: tuple[str, ...]) -> None:
        self._left = max_new_tokens
        self._stop = tuple(ending for text in stop for ending in (text, text + "\n"))
        self._keep = max(map(len, self._stop), default=0)
        self._tail = ""

    def check(self, token: Token) -> FinishReason | None:
        """Why to stop after this token, or None to go on."""
        self._left -= 1
        if self._left <= 0:
            return "length"
        if token.eos:
            return "eos_token"
        if self._stop and token.text:
            self._tail = (self._tail + token.text)[-self._keep - len(token.text) :]
            if self._tail.endswith(self._stop):
                return "stop_sequence"
        return None


async def collect(service: Service, generation: Generation) -> tuple[list[Token], Finish]:
    """Run to the end: all tokens, and how it finished. Raises ``InferenceError``."""
    tokens = []
    try:
        async with aclosing(run(service, generation)) as steps:
            async for step in steps:
                tokens.append(step.token)
                if step.finish is not None:
                    return tokens, step.finish
    except IncompleteStreamError:
        pass
    raise IncompleteError
