"""The routes of `/v1`: https://platform.openai.com/docs/api-reference, as far as TGI goes."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from api import codes
from api.asynchronous import api_view, authenticate
from api.openai import relay, stored
from api.openai.chunks import ChatChunks, CompletionChunks, whole_chat, whole_completion
from api.openai.errors import NotServed, Refused, render
from api.openai.requests import ChatCompletionInput, CompletionInput, read
from api.openai.responses import ChatCompletion, ChatCompletionChunk, Completion, ServedModel, ServedModels
from api.openai.samples import (
    ANSWER,
    ASKED,
    COMPLETED,
    COMPLETION_STREAM,
    MODEL,
    PROMPTED,
    STREAM,
)
from api.schema import IDEMPOTENCY_KEY, OpenApiParameter, Stream, described, errors, examples, extend_schema
from api.views.chat import running_process
from chat.database import in_thread
from chat.process import ChatProcess
from chat.sse import EventStream
from inference.errors import InferenceError

# A name for whatever model is served, so that a configuration outlives a change of it. TGI's own.
ALIAS = "tgi"

SESSION = OpenApiParameter(
    stored.HEADER,
    {"type": "string", "anyOf": [{"format": "uuid"}, {"const": stored.NEW}]},
    OpenApiParameter.HEADER,
    description="Store the exchange in this session of yours, or in a new one. `metadata.session_id` does the same.",
)
UUID_TEXT = {"type": "string", "format": "uuid"}
STORED_IN = [
    OpenApiParameter(
        name, {"type": "string", "format": "uuid"}, OpenApiParameter.HEADER, response=[200], description=says
    )
    for name, says in (
        (stored.HEADER, "The session of an exchange that is stored."),
        (stored.INTERACTION_HEADER, "Its interaction."),
    )
]


@described(
    get=extend_schema(
        operation_id="openai_models",
        summary="List the models",
        responses={200: ServedModels, **errors("restarting", "unreachable", "unavailable", "timed_out", "broken_off")},
        examples=examples(response={"object": "list", "data": [MODEL]}),
    )
)
@api_view("GET", render=render)
async def models(request: HttpRequest) -> HttpResponseBase:
    """There is one: the model that this server answers with. `tgi` is another name of it, for whichever that is."""
    await in_thread(authenticate, request)
    ids = await running_process().client.model_ids()
    return JsonResponse({"object": "list", "data": [_model(model_id) for model_id in ids]})


@described(
    get=extend_schema(
        operation_id="openai_model",
        summary="Look up a model",
        responses={
            200: ServedModel,
            **errors("model_not_found", "restarting", "unreachable", "unavailable", "timed_out", "broken_off"),
        },
        examples=examples(response=MODEL),
    )
)
@api_view("GET", render=render)
async def model(request: HttpRequest, model_id: str) -> HttpResponseBase:
    """The model with this id, if it is the one that is served. The id may have slashes."""
    await in_thread(authenticate, request)
    ids = await running_process().client.model_ids()
    if model_id == ALIAS and ids:
        return JsonResponse(_model(ids[0]))
    if model_id not in ids:
        raise _no_model(model_id, ids)
    return JsonResponse(_model(model_id))


@described(
    post=extend_schema(
        operation_id="openai_chat_completions",
        summary="Complete a chat",
        request=ChatCompletionInput,
        parameters=[SESSION, IDEMPOTENCY_KEY, *STORED_IN],
        responses={
            200: ChatCompletion,
            (200, "text/event-stream"): Stream(
                events={"": ChatCompletionChunk},
                example=STREAM,
                last="[DONE]",
                description="Chunks, then `[DONE]`. What goes wrong after the first is an event with an `error`.",
            ),
            **errors(*codes.OF_MODEL, "context_length_exceeded", "model_not_found", "session_not_found", "interrupted"),
        },
        examples=examples(request=ASKED, response=ANSWER),
    )
)
@api_view("POST", render=render)
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """OpenAI's own, for the clients that there are. The request goes straight to the model and nothing is kept; a
    client that leaves ends the generation.

    With `metadata.session_id` or the header `X-Parley-Session` the exchange is stored instead, as an interaction of
    that session, and goes on if the client leaves. The last message is the question; what the session has is its
    history, and earlier messages of the request are not looked at (a new session takes none). A system message is the
    session's from then on. Tools, formats and log-probabilities cannot be stored. `Idempotency-Key` counts there
    alone."""
    who = await in_thread(authenticate, request)
    process = running_process()
    given = read(request, ChatCompletionInput)
    served = await _served(process, given.model)
    if place := stored.place(request, given):
        return await stored.answer(request, given, process=process, who=who, place=place, served=served)
    head = _head("chatcmpl", served)
    chunks = ChatChunks(head, stops=given.stop or (), include_usage=given.include_usage)
    answer = relay.Answer(process, who.pk, "/v1/chat/completions", given.to_tgi(), chunks)
    if given.stream:
        return EventStream(await relay.stream(answer))
    return JsonResponse(whole_chat(head, await relay.whole(answer), chunks.usage))


@described(
    post=extend_schema(
        operation_id="openai_completions",
        summary="Complete a text",
        request=CompletionInput,
        responses={
            200: Completion,
            (200, "text/event-stream"): Stream(
                events={"": Completion}, example=COMPLETION_STREAM, last="[DONE]", description="Pieces, then `[DONE]`."
            ),
            **errors(*codes.OF_MODEL, "context_length_exceeded", "model_not_found"),
        },
        examples=examples(request=PROMPTED, response=COMPLETED),
    )
)
@api_view("POST", render=render)
async def completions(request: HttpRequest) -> HttpResponseBase:
    """OpenAI's older way: the prompt goes to the model as it is, without a template. Nothing is kept."""
    who = await in_thread(authenticate, request)
    process = running_process()
    given = read(request, CompletionInput)
    if stored.HEADER in request.headers:
        raise Refused("Only chats are stored. Leave the header out.", param=stored.HEADER, code="unsupported_parameter")
    head = _head("cmpl", await _served(process, given.model))
    chunks = CompletionChunks(
        head, stops=given.stop or (), include_usage=given.include_usage, prompts=len(given.prompt)
    )
    answer = relay.Answer(process, who.pk, "/v1/completions", given.to_tgi(), chunks)
    if given.stream:
        return EventStream(await relay.stream(answer))
    return JsonResponse(whole_completion(head, await relay.whole(answer), chunks.usage))


async def _served(process: ChatProcess, wanted: str | None) -> str:
    """The name of the model that answers.

    Raises:
        NotServed: it is another one that is wanted.
    """
    try:
        ids = await process.client.model_ids()
    except InferenceError:
        ids = []  # the answer itself is asked for more patiently, and says what is wrong
    if wanted is None or wanted == ALIAS or not ids:
        return ids[0] if ids else wanted or ALIAS
    if wanted not in ids:
        raise _no_model(wanted, ids)
    return wanted


def _no_model(wanted: str, ids: list[str]) -> NotServed:
    there = " or ".join(f"`{name}`" for name in (*ids, ALIAS))
    return NotServed(f"There is no model `{wanted}` here. Ask for {there}.", param="model")


def _model(model_id: str) -> dict[str, Any]:
    return {"id": model_id, "object": "model", "created": 0, "owned_by": "parley"}


def _head(kind: str, served: str) -> dict[str, Any]:
    return {"id": f"{kind}-{uuid4().hex}", "created": int(time.time()), "model": served}
