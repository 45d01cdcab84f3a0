"""The routes of text-generation-inference over one model. Thin: shapes, rules and stopping are elsewhere."""

import hmac
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response

from tgi import chat, generate
from tgi.errors import InferenceError, RequestRejectedError, UnhealthyError, ValidationError
from tgi.protocol.requests import ChatRequest, CompatGenerateRequest, GenerateRequest
from tgi.protocol.responses import models_body
from tgi.serving import CLIENT_CLOSED_REQUEST, JSONResponse, Service, read_body, unless_disconnected


def require_key(request: Request) -> None:
    """Refuse a request without the server's key, where it has one."""
    key = request.app.state.api_key
    given = request.headers.get("authorization", "")
    if key is not None and not hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
        raise HTTPException(401)


public = APIRouter()
protected = APIRouter(dependencies=[Depends(require_key)])


def build_app(
    service: Service, info: dict[str, Any], *, api_key: str | None = None, cors_origins: Sequence[str] = ()
) -> FastAPI:
    """The application. ``info`` is the answer of ``/info``; ``api_key`` guards what costs computing."""
    app = FastAPI(title="Parley inference", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.service = service
    app.state.info = info
    app.state.api_key = api_key
    app.include_router(public)
    app.include_router(protected)
    app.add_exception_handler(InferenceError, _answer_error)
    app.add_exception_handler(RequestRejectedError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_error)
    app.add_exception_handler(ClientDisconnect, _answer_error)
    if cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=cors_origins, allow_methods=["*"], allow_headers=["*"])
    return app


@public.get("/")
@public.get("/health")
@public.get("/ping")
async def health(request: Request) -> Response:
    """200 and nothing else while the engine takes requests."""
    if not _service(request).engine.healthy:
        raise UnhealthyError
    return Response()


@public.get("/info")
async def info(request: Request) -> Response:
    """The model and the limits."""
    return JSONResponse(request.app.state.info)


@public.get("/v1/models")
async def models(request: Request) -> Response:
    """The one model."""
    return JSONResponse(models_body(_service(request).model_id))


@public.post("/chat_tokenize")
async def chat_tokenize(request: Request) -> Response:
    """Messages as a prompt, and its tokens."""
    return await chat.tokenize(_service(request), await read_body(request, ChatRequest))


@protected.post("/tokenize")
async def tokenize(request: Request) -> Response:
    """Tokens of ``inputs``."""
    body = await read_body(request, GenerateRequest)
    return JSONResponse(await _service(request).engine.tokenize(body.inputs))


@protected.post("/generate")
async def generate_text(request: Request) -> Response:
    """A prompt's continuation, whole."""
    body = await read_body(request, GenerateRequest)
    return await unless_disconnected(request, generate.answer(_service(request), body.inputs, body.parameters))


@protected.post("/generate_stream")
async def generate_stream(request: Request) -> Response:
    """A prompt's continuation, token by token."""
    body = await read_body(request, GenerateRequest)
    return generate.stream(_service(request), body.inputs, body.parameters)


@protected.post("/")
async def generate_either(request: Request) -> Response:
    """A prompt's continuation, as ``stream`` says; whole, it is a list of one. The prompt is part of it
    unless ``return_full_text`` is false."""
    body = await read_body(request, CompatGenerateRequest)
    service, parameters = _service(request), body.parameters_with_prompt()
    if body.stream:
        return generate.stream(service, body.inputs, parameters)
    return await unless_disconnected(request, generate.answer(service, body.inputs, parameters, as_list=True))


@protected.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Response:
    """The next message of a conversation, whole or in chunks."""
    body = await read_body(request, ChatRequest)
    service = _service(request)
    if body.stream:
        return await chat.stream(service, body)
    return await unless_disconnected(request, chat.answer(service, body))


@protected.post("/v1/completions")
@protected.post("/invocations")
async def unsupported(request: Request) -> Response:
    """Routes of TGI that this server does not have yet."""
    raise ValidationError(f"`{request.url.path}` is not supported by this server; use /v1/chat/completions")


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _answer_error(_: Request, error: Exception) -> Response:
    """Every error as TGI words it; unknown routes and missing keys have no body."""
    match error:
        case InferenceError():
            return JSONResponse(error.body(), error.status)
        case RequestRejectedError():
            return PlainTextResponse(str(error), error.status)
        case ClientDisconnect():
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        case HTTPException():
            return Response(status_code=error.status_code, headers=error.headers)
    raise error
