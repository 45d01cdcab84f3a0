"""The routes of `/v1`: https://platform.openai.com/docs/api-reference, as far as TGI goes."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from api.asynchronous import api_view, authenticate
from api.openai import relay, stored
from api.openai.chunks import ChatChunks, CompletionChunks, whole_chat, whole_completion
from api.openai.errors import NotServed, render
from api.openai.requests import ChatCompletionRequest, CompletionRequest, read
from api.views.chat import running_process
from chat.database import in_thread
from chat.process import ChatProcess
from chat.sse import EventStream
from inference.errors import InferenceError

# A name for whatever model is served, so that a configuration outlives a change of it. TGI's own.
ALIAS = "tgi"


@api_view("GET", render=render)
async def models(request: HttpRequest) -> HttpResponseBase:
    """GET /v1/models: what is served."""
    await in_thread(authenticate, request)
    ids = await running_process().client.model_ids()
    return JsonResponse({"object": "list", "data": [_model(model_id) for model_id in ids]})


@api_view("GET", render=render)
async def model(request: HttpRequest, model_id: str) -> HttpResponseBase:
    """GET /v1/models/<id>"""
    await in_thread(authenticate, request)
    ids = await running_process().client.model_ids()
    if model_id == ALIAS and ids:
        return JsonResponse(_model(ids[0]))
    if model_id not in ids:
        raise _no_model(model_id, ids)
    return JsonResponse(_model(model_id))


@api_view("POST", render=render)
async def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """POST /v1/chat/completions: passed on to the model, or stored as a message of a session."""
    who = await in_thread(authenticate, request)
    process = running_process()
    given = read(request, ChatCompletionRequest)
    served = await _served(process, given.model)
    if place := stored.place(request, given):
        return await stored.answer(request, given, process=process, who=who, place=place, served=served)
    head = _head("chatcmpl", served)
    chunks = ChatChunks(head, stops=given.stop or (), include_usage=given.include_usage)
    answer = relay.Answer(process, who.pk, "/v1/chat/completions", given.to_tgi(), chunks)
    if given.stream:
        return EventStream(await relay.stream(answer))
    return JsonResponse(whole_chat(head, await relay.whole(answer), chunks.usage))


@api_view("POST", render=render)
async def completions(request: HttpRequest) -> HttpResponseBase:
    """POST /v1/completions: a prompt without a template, passed on to the model."""
    who = await in_thread(authenticate, request)
    process = running_process()
    given = read(request, CompletionRequest)
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
