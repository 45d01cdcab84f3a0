"""``/v1/chat/completions`` and ``/chat_tokenize``: messages through the model's own template."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from tgi import tools
from tgi.engines.base import Token
from tgi.errors import InferenceError
from tgi.generation import Finish, Generation, Step, collect, prepare, run
from tgi.headers import cost, cost_headers, request_headers
from tgi.protocol.chat import ChatRequest
from tgi.protocol.chat_responses import (
    CallDelta,
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    ChunkChoice,
    FunctionDelta,
    Logprobs,
    TextMessage,
    ToolCallDelta,
    ToolCallMessage,
    Usage,
    openai_finish_reason,
)
from tgi.protocol.requests import GenerateParameters
from tgi.serving import JSONResponse, Service
from tgi.sse import DONE, EventStream, frame


@dataclass(frozen=True, slots=True)
class Prompt:
    """A chat as a generation: the messages as one text. ``calls_tool``: the answer is a tool call's JSON."""

    inputs: str
    parameters: GenerateParameters
    calls_tool: bool


async def answer(service: Service, request: ChatRequest) -> JSONResponse:
    """The whole reply at once. Raises ``InferenceError``."""
    prompt = await _prompt(service, request)
    with service.admit():
        generation, tokens, finish = await _generate(service, request, prompt)
        message: TextMessage | ToolCallMessage = TextMessage(finish.text)
        if prompt.calls_tool:
            call = tools.read_call(finish.text, tools.next_call_id(request.messages))
            if call is None:
                generation, tokens, finish = await _generate(service, request, await _plain_prompt(service, request))
                message = TextMessage(finish.text)
            else:
                message = ToolCallMessage((call,))
    logprobs = Logprobs.of(tokens) if request.logprobs else None
    choice = ChatChoice(message, openai_finish_reason(finish.reason), logprobs)
    usage = Usage.of(generation.input_length, finish.generated_tokens)
    completion = ChatCompletion(int(time.time()), service.model_name(request.model), (choice,), usage)
    headers = request_headers(service, generation.inputs) | cost_headers(cost(generation, finish.generated_tokens))
    return JSONResponse(completion, headers=headers)


async def stream(service: Service, request: ChatRequest) -> EventStream:
    """One chunk per token. Errors of messages and tools are raised; later ones are an event of a 200 answer."""
    prompt = await _prompt(service, request)
    return EventStream(_events(service, request, prompt), request_headers(service, prompt.inputs))


async def tokenize(service: Service, request: ChatRequest) -> JSONResponse:
    """The prompt these messages make, and its tokens. Raises ``InferenceError``."""
    text = (await _prompt(service, request)).inputs
    tokens = await service.engine.tokenize(text)
    return JSONResponse({"tokenize_response": tokens, "templated_text": text})


async def _prompt(service: Service, request: ChatRequest) -> Prompt:
    """Raises ``TemplateError``, ``ToolError`` or ``ValidationError``."""
    request.check()
    functions = tools.offered(request)
    if not functions:
        return await _plain_prompt(service, request)
    inputs = await service.engine.apply_template(
        [message.flatten() for message in request.messages],
        tools=tools.listing(functions),
        tool_prompt=request.tool_prompt or tools.DEFAULT_PROMPT,
    )
    return Prompt(inputs, request.to_parameters(tools.grammar(functions)), calls_tool=True)


async def _plain_prompt(service: Service, request: ChatRequest) -> Prompt:
    """Without tools."""
    inputs = await service.engine.apply_template([message.flatten() for message in request.messages])
    grammar = None if request.response_format is None else request.response_format.grammar()
    return Prompt(inputs, request.to_parameters(grammar), calls_tool=False)


async def _generate(service: Service, request: ChatRequest, prompt: Prompt) -> tuple[Generation, list[Token], Finish]:
    generation = await _prepare(service, request, prompt)
    return generation, *await collect(service, generation)


async def _prepare(service: Service, request: ChatRequest, prompt: Prompt) -> Generation:
    return await prepare(
        service.engine, service.limits, prompt.inputs, prompt.parameters, logprobs=bool(request.logprobs)
    )


async def _events(service: Service, request: ChatRequest, prompt: Prompt) -> AsyncGenerator[bytes, None]:
    try:
        with service.admit():
            async with aclosing(_chunks(service, request, prompt)) as chunks:
                async for chunk in chunks:
                    yield frame(chunk)
    except InferenceError as error:
        service.metrics.refused(error)
        yield frame(error.openai_body())
    yield DONE


async def _chunks(service: Service, request: ChatRequest, prompt: Prompt) -> AsyncGenerator[ChatChunk, None]:
    created, model = int(time.time()), service.model_name(request.model)
    call = _StreamedCall(tools.next_call_id(request.messages)) if prompt.calls_tool else None
    generation = await _prepare(service, request, prompt)
    async with aclosing(run(service, generation)) as steps:
        async for step in steps:
            delta = _text(step) if call is None else call.delta(step)
            if call is not None and call.is_no_tool:
                break
            if delta is not None:
                logprobs = Logprobs.of((step.token,)) if request.logprobs else None
                reason = None if step.finish is None else openai_finish_reason(step.finish.reason)
                yield ChatChunk(created, model, (ChunkChoice(delta, reason, logprobs),))
            if step.finish is not None and request.include_usage:
                yield ChatChunk(created, model, (), Usage.of(generation.input_length, step.finish.generated_tokens))
    if call is not None and call.is_no_tool:
        async with aclosing(_chunks(service, request, await _plain_prompt(service, request))) as chunks:
            async for chunk in chunks:
                yield chunk


def _text(step: Step) -> TextMessage:
    return TextMessage("" if step.token.special else step.token.text)


class _StreamedCall:
    """Makes deltas of a tool call of the tokens it is written in."""

    def __init__(self, call_id: str) -> None:
        self._id = call_id
        self._reader = tools.CallReader()

    @property
    def is_no_tool(self) -> bool:
        """Whether the model wants to answer by itself."""
        return self._reader.is_no_tool

    def delta(self, step: Step) -> ToolCallDelta | TextMessage | None:
        """What this token adds; the last token adds at least an empty text, to carry the finish reason."""
        named = self._reader.name is not None
        arguments = "" if step.token.special else self._reader.push(step.token.text)
        if not arguments:
            return None if step.finish is None else TextMessage("")
        function = FunctionDelta(None if named else self._reader.name, arguments)
        return ToolCallDelta((CallDelta(self._id, function),))
