"""``/v1/chat/completions`` and ``/chat_tokenize``: messages through the model's own template."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from tgi.errors import InferenceError
from tgi.generation import Finish, Step, collect, prepare, run
from tgi.protocol.requests import ChatRequest
from tgi.protocol.responses import (
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    ChunkChoice,
    TextMessage,
    Usage,
    openai_finish_reason,
)
from tgi.protocol.validation import check_chat, flatten_message
from tgi.serving import JSONResponse, Service
from tgi.sse import DONE, EventStream, frame


async def prompt(service: Service, request: ChatRequest) -> str:
    """The messages as one text; raises ``TemplateError`` or ``ValidationError``."""
    check_chat(request)
    return await service.engine.apply_template([flatten_message(message) for message in request.messages])


async def answer(service: Service, request: ChatRequest) -> JSONResponse:
    """The whole reply at once. Raises ``InferenceError``."""
    inputs = await prompt(service, request)
    with service.permits.hold():
        generation = await prepare(service.engine, service.limits, inputs, request.to_parameters(), logprobs=False)
        _, finish = await collect(service.engine, generation)
    choice = ChatChoice(TextMessage(finish.text), openai_finish_reason(finish.reason))
    usage = _usage(generation.input_length, finish)
    model = service.model_name(request.model)
    return JSONResponse(ChatCompletion(int(time.time()), model, (choice,), usage))


async def stream(service: Service, request: ChatRequest) -> EventStream:
    """One chunk per token. Errors of the messages are raised; later ones are an event of a 200 answer."""
    inputs = await prompt(service, request)
    return EventStream(_events(service, request, inputs))


async def tokenize(service: Service, request: ChatRequest) -> JSONResponse:
    """The prompt these messages make, and its tokens. Raises ``InferenceError``."""
    text = await prompt(service, request)
    tokens = await service.engine.tokenize(text)
    return JSONResponse({"tokenize_response": tokens, "templated_text": text})


async def _events(service: Service, request: ChatRequest, inputs: str) -> AsyncGenerator[bytes, None]:
    chunk = ChatChunk(int(time.time()), service.model_name(request.model), ())
    include_usage = request.stream_options is not None and request.stream_options.include_usage
    try:
        with service.permits.hold():
            generation = await prepare(service.engine, service.limits, inputs, request.to_parameters(), logprobs=False)
            async with aclosing(run(service.engine, generation)) as steps:
                async for step in steps:
                    yield frame(msgspec.structs.replace(chunk, choices=(_choice(step),)))
            if include_usage and step.finish is not None:
                yield frame(msgspec.structs.replace(chunk, usage=_usage(generation.input_length, step.finish)))
    except InferenceError as error:
        yield frame(error.openai_body())
    yield DONE


def _choice(step: Step) -> ChunkChoice:
    text = "" if step.token.special else step.token.text
    reason = None if step.finish is None else openai_finish_reason(step.finish.reason)
    return ChunkChoice(TextMessage(text), reason)


def _usage(prompt_tokens: int, finish: Finish) -> Usage:
    return Usage(prompt_tokens, finish.generated_tokens, prompt_tokens + finish.generated_tokens)
