"""``/v1/completions``: raw prompts, one or several, in OpenAI's shape."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from tgi.errors import InferenceError
from tgi.generation import Generation, Step, collect, prepare, run
from tgi.headers import Cost, cost, cost_headers, request_headers
from tgi.protocol.chat_responses import Usage, openai_finish_reason
from tgi.protocol.completions import CompletionChoice, CompletionChunk, CompletionFinal, CompletionRequest
from tgi.serving import JSONResponse, Service
from tgi.sse import DONE, EventStream, frame


async def answer(service: Service, request: CompletionRequest) -> JSONResponse:
    """All texts at once; the first error of one ends them all. Raises ``InferenceError``."""
    request.check(service.limits.max_client_batch_size)
    parts = [asyncio.create_task(_complete(service, request, index)) for index in range(len(request.prompts))]
    try:
        completed = await asyncio.gather(*parts)
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
    costs = [cost for _, cost in completed]
    usage = Usage.of(
        sum(cost.prompt_tokens for cost in costs),
        sum(cost.times.generated_tokens for cost in costs),
    )
    choices = tuple(choice for choice, _ in completed)
    body = CompletionFinal(int(time.time()), service.model_id, choices, usage=usage)
    return JSONResponse(body, headers=request_headers(service, *request.prompts) | cost_headers(*costs))


def stream(service: Service, request: CompletionRequest) -> EventStream:
    """One chunk per token, those of several prompts mixed. A prompt that fails ends with an event of its own."""
    request.check(service.limits.max_client_batch_size)
    return EventStream(_all_events(service, request), request_headers(service, *request.prompts))


async def _complete(service: Service, request: CompletionRequest, index: int) -> tuple[CompletionChoice, Cost]:
    with service.admit():
        inputs, parameters = request.prompts[index], request.to_parameters()
        generation = await prepare(service.engine, service.limits, inputs, parameters, logprobs=False)
        _, finish = await collect(service, generation)
    choice = CompletionChoice(index, finish.text, openai_finish_reason(finish.reason))
    return choice, cost(generation, finish.generated_tokens)


async def _all_events(service: Service, request: CompletionRequest) -> AsyncGenerator[bytes, None]:
    events: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def pump(index: int) -> None:
        async with aclosing(_events(service, request, index)) as own:
            async for event in own:
                events.put_nowait(event)

    pumps = asyncio.gather(*(pump(index) for index in range(len(request.prompts))))
    pumps.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await events.get()) is not None:
            yield event
        await pumps
    finally:
        pumps.cancel()
        await asyncio.gather(pumps, return_exceptions=True)
    yield DONE


async def _events(service: Service, request: CompletionRequest, index: int) -> AsyncGenerator[bytes, None]:
    try:
        with service.admit():
            inputs, parameters = request.prompts[index], request.to_parameters()
            generation = await prepare(service.engine, service.limits, inputs, parameters, logprobs=False)
            async with aclosing(run(service, generation)) as steps:
                async for step in steps:
                    yield frame(_chunk(service, generation, index, step))
    except InferenceError as error:
        service.metrics.refused(error)
        yield frame(error.openai_body())


def _chunk(service: Service, generation: Generation, index: int, step: Step) -> CompletionChunk:
    created, finish = int(time.time()), step.finish
    text = "" if step.token.special else step.token.text
    if finish is None:
        return CompletionChunk(created, service.model_id, (CompletionChoice(index, text),))
    choice = CompletionChoice(index, text, finish.reason)
    usage = Usage.of(generation.input_length, finish.generated_tokens)
    return CompletionFinal(created, service.model_id, (choice,), usage=usage)
