"""``/generate``, ``/generate_stream`` and ``POST /``: raw prompts."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from tgi.engines.base import Token
from tgi.errors import InferenceError
from tgi.generation import Generation, Step, collect, prepare, run
from tgi.protocol.requests import GenerateParameters
from tgi.protocol.responses import Details, GenerateResponse, StreamDetails, StreamResponse, TokenBody
from tgi.protocol.validation import check_stream
from tgi.serving import JSONResponse, Service
from tgi.sse import EventStream, frame


async def answer(
    service: Service, inputs: str, parameters: GenerateParameters, *, as_list: bool = False
) -> JSONResponse:
    """The whole text at once, its times in the headers. Raises ``InferenceError``."""
    with service.permits.hold():
        generation = await prepare(service.engine, service.limits, inputs, parameters, logprobs=True)
        tokens, finish = await collect(service.engine, generation)
    details = None
    if parameters.details:
        bodies = [_token_body(token) for token in tokens]
        details = Details(finish.reason, finish.generated_tokens, generation.seed, (), bodies)
    body = GenerateResponse(generation.output(finish.text), details)
    headers = _common_headers(service, inputs) | _timing_headers(generation, finish.generated_tokens)
    return JSONResponse([body] if as_list else body, headers=headers)


def stream(service: Service, inputs: str, parameters: GenerateParameters) -> EventStream:
    """One event per token. Every error, validation and overload too, is one event of a 200 answer."""
    return EventStream(_events(service, inputs, parameters), _common_headers(service, inputs))


async def _events(service: Service, inputs: str, parameters: GenerateParameters) -> AsyncGenerator[bytes, None]:
    try:
        check_stream(parameters)
        with service.permits.hold():
            generation = await prepare(service.engine, service.limits, inputs, parameters, logprobs=True)
            async with aclosing(run(service.engine, generation)) as steps:
                async for step in steps:
                    yield frame(_event(generation, step))
    except InferenceError as error:
        yield frame(error.body())


def _event(generation: Generation, step: Step) -> StreamResponse:
    token, finish = _token_body(step.token), step.finish
    if finish is None:
        return StreamResponse(step.index, token, None, None)
    details = None
    if generation.parameters.details:
        details = StreamDetails(finish.reason, finish.generated_tokens, generation.seed, generation.input_length)
    return StreamResponse(step.index, token, generation.output(finish.text), details)


def _token_body(token: Token) -> TokenBody:
    return TokenBody(token.id, token.text, token.logprob, token.special)


def _common_headers(service: Service, inputs: str) -> dict[str, str]:
    return {"x-compute-type": service.engine.device, "x-compute-characters": str(len(inputs))}


def _timing_headers(generation: Generation, generated_tokens: int) -> dict[str, str]:
    """Times in whole milliseconds, except x-compute-time, in seconds."""
    now = time.monotonic()
    started = generation.job.started or generation.validated
    milliseconds = {
        "x-total-time": now - generation.arrived,
        "x-validation-time": generation.validated - generation.arrived,
        "x-queue-time": started - generation.validated,
        "x-inference-time": now - started,
        "x-time-per-token": (now - started) / generated_tokens,
    }
    return {
        "x-compute-time": f"{now - generation.arrived:.9f}",
        "x-prompt-tokens": str(generation.input_length),
        "x-generated-tokens": str(generated_tokens),
        **{name: str(int(seconds * 1000)) for name, seconds in milliseconds.items()},
    }
