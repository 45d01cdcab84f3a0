"""``/generate``, ``/generate_stream`` and ``POST /``: raw prompts."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from tgi.engines.base import PrefillToken, Token
from tgi.errors import InferenceError
from tgi.generation import Finish, Generation, Step, collect, prepare, run
from tgi.headers import cost, cost_headers, request_headers
from tgi.protocol.requests import GenerateParameters
from tgi.protocol.responses import (
    BestOfSequence,
    Details,
    GenerateResponse,
    StreamDetails,
    StreamResponse,
    TokenBody,
)
from tgi.protocol.validation import check_best_of, check_stream
from tgi.serving import JSONResponse, Service
from tgi.sse import EventStream, frame


@dataclass(frozen=True, slots=True)
class Sequence:
    """One finished answer to a prompt."""

    generation: Generation
    tokens: list[Token]
    finish: Finish

    @property
    def text(self) -> str:
        """As asked for: with the prompt before it, or without."""
        return self.generation.output(self.finish.text)

    @property
    def mean_logprob(self) -> float:
        """Over the tokens whose probability is known."""
        logprobs = [token.logprob for token in self.tokens if token.logprob is not None]
        return sum(logprobs) / len(logprobs) if logprobs else float("-inf")


async def answer(
    service: Service, inputs: str, parameters: GenerateParameters, *, as_list: bool = False
) -> JSONResponse:
    """The whole text at once, its times in the headers. Raises ``InferenceError``."""
    number = check_best_of(parameters.best_of, service.limits)
    with service.admit(), ExitStack() as permits:
        for _ in range(number - 1):
            # In TGI every sequence is a request of its own.
            permits.enter_context(service.permits.hold())
        generation = await prepare(service.engine, service.limits, inputs, parameters, logprobs=True)
        best, *others = await _sequences(service, generation, number)
        prefill: list[PrefillToken] = []
        if parameters.decoder_input_details:
            prefill = await service.engine.prefill(generation.job.prompt)
    details = None
    if parameters.details or parameters.decoder_input_details:
        details = _details(best, others, prefill)
    body = GenerateResponse(best.text, details)
    headers = request_headers(service, inputs) | cost_headers(cost(best.generation, best.finish.generated_tokens))
    return JSONResponse([body] if as_list else body, headers=headers)


def stream(service: Service, inputs: str, parameters: GenerateParameters) -> EventStream:
    """One event per token. Every error, validation and overload too, is one event of a 200 answer."""
    return EventStream(_events(service, inputs, parameters), request_headers(service, inputs))


async def _sequences(service: Service, generation: Generation, number: int) -> list[Sequence]:
    """So many sequences side by side, the most likely one first. One that fails ends them all."""
    generations = [generation, *(generation.again() for _ in range(number - 1))]
    tasks = [asyncio.create_task(_sequence(service, each)) for each in generations]
    try:
        sequences = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return sorted(sequences, key=lambda sequence: sequence.mean_logprob, reverse=True)


async def _sequence(service: Service, generation: Generation) -> Sequence:
    return Sequence(generation, *await collect(service, generation))


def _details(best: Sequence, others: Iterable[Sequence], prefill: list[PrefillToken]) -> Details:
    rest = [BestOfSequence(generated_text=other.text, **_fields(other, prefill)) for other in others]
    return Details(best_of_sequences=rest or UNSET, **_fields(best, prefill))


def _fields(sequence: Sequence, prefill: list[PrefillToken]) -> dict[str, Any]:
    return {
        "finish_reason": sequence.finish.reason,
        "generated_tokens": sequence.finish.generated_tokens,
        "seed": sequence.generation.seed,
        "prefill": prefill,
        "tokens": [_token_body(token) for token in sequence.tokens],
        "top_tokens": [token.top for token in sequence.tokens] if sequence.generation.job.top_n_tokens else UNSET,
    }


async def _events(service: Service, inputs: str, parameters: GenerateParameters) -> AsyncGenerator[bytes, None]:
    try:
        check_stream(parameters)
        with service.admit():
            generation = await prepare(service.engine, service.limits, inputs, parameters, logprobs=True)
            async with aclosing(run(service, generation)) as steps:
                async for step in steps:
                    yield frame(_event(generation, step))
    except InferenceError as error:
        service.metrics.refused(error)
        yield frame(error.body())


def _event(generation: Generation, step: Step) -> StreamResponse:
    token, finish = _token_body(step.token), step.finish
    top = step.token.top if generation.job.top_n_tokens else UNSET
    if finish is None:
        return StreamResponse(index=step.index, token=token, top_tokens=top)
    details = None
    if generation.parameters.details:
        details = StreamDetails(finish.reason, finish.generated_tokens, generation.seed, generation.input_length)
    text = generation.output(finish.text)
    return StreamResponse(index=step.index, token=token, top_tokens=top, generated_text=text, details=details)


def _token_body(token: Token) -> TokenBody:
    return TokenBody(token.id, token.text, token.logprob, token.special)
