"""The routes of text-generation-inference over one model. Thin: shapes, rules and stopping are elsewhere."""

import hmac
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from tgi import chat, completions, docs, generate
from tgi.errors import IncompleteError, InferenceError, RequestRejectedError, UnhealthyError
from tgi.metrics import CONTENT_TYPE
from tgi.protocol.chat import ChatRequest
from tgi.protocol.completions import CompletionRequest
from tgi.protocol.invocations import decode_invocation
from tgi.protocol.requests import CompatGenerateRequest, GenerateRequest
from tgi.protocol.responses import models_body
from tgi.serving import CLIENT_CLOSED_REQUEST, JSONResponse, Service, read_body, unless_disconnected

Shape = TypeVar("Shape")


def require_key(request: Request) -> None:
    """Refuse a request without the server's key, where it has one."""
    key = request.app.state.api_key
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    # Headers are bytes, read as Latin 1.
    if key is not None and not (
        scheme.lower() == "bearer" and hmac.compare_digest(given.encode("latin-1"), key.encode())
    ):
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
    app.add_exception_handler(Exception, _answer_error)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["content-type", "authorization"],
        )
    return app


@public.api_route("/", methods=["GET", "HEAD"])
@public.api_route("/health", methods=["GET", "HEAD"])
@public.api_route("/ping", methods=["GET", "HEAD"])
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


@public.get("/metrics")
async def metrics(request: Request) -> Response:
    """Counts and times, for Prometheus."""
    return Response(_service(request).metrics.render(), headers={"content-type": CONTENT_TYPE})


@public.get("/docs")
async def documentation(request: Request) -> Response:
    """The routes, for people."""
    return HTMLResponse(docs.page())


@public.get("/api-doc/openapi.json")
async def openapi(request: Request) -> Response:
    """The routes, for programs."""
    return Response(docs.document(), media_type="application/json")


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
    body = await _read(request, GenerateRequest)
    return await unless_disconnected(request, generate.answer(_service(request), body.inputs, body.parameters))


@protected.post("/generate_stream")
async def generate_stream(request: Request) -> Response:
    """A prompt's continuation, token by token."""
    body = await _read(request, GenerateRequest)
    return generate.stream(_service(request), body.inputs, body.parameters)


@protected.post("/")
async def generate_either(request: Request) -> Response:
    """A prompt's continuation, as ``stream`` says; whole, it is a list of one. The prompt is part of it
    unless ``return_full_text`` is false."""
    return await _generate_either(request, await _read(request, CompatGenerateRequest))


@protected.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Response:
    """The next message of a conversation, whole or in chunks."""
    return await _chat(request, await _read(request, ChatRequest))


@protected.post("/v1/completions")
async def text_completions(request: Request) -> Response:
    """The continuation of one prompt or several, whole or in chunks."""
    return await _complete(request, await _read(request, CompletionRequest))


@protected.post("/invocations")
async def invocations(request: Request) -> Response:
    """A generation, a chat or a completion: what the body has the fields of."""
    match decode_invocation(bytes(await _read(request, msgspec.Raw))):
        case CompatGenerateRequest() as body:
            return await _generate_either(request, body)
        case ChatRequest() as body:
            return await _chat(request, body)
        case CompletionRequest() as body:
            return await _complete(request, body)


async def _generate_either(request: Request, body: CompatGenerateRequest) -> Response:
    service, parameters = _service(request), body.parameters_with_prompt()
    if body.stream:
        return generate.stream(service, body.inputs, parameters)
    return await unless_disconnected(request, generate.answer(service, body.inputs, parameters, as_list=True))


async def _chat(request: Request, body: ChatRequest) -> Response:
    service = _service(request)
    if body.stream:
        return await chat.stream(service, body)
    return await unless_disconnected(request, chat.answer(service, body))


async def _complete(request: Request, body: CompletionRequest) -> Response:
    service = _service(request)
    if body.stream:
        return completions.stream(service, body)
    return await unless_disconnected(request, completions.answer(service, body))


async def _read(request: Request, shape: type[Shape]) -> Shape:
    """The body of a request that from here on counts in /metrics. Raises ``RequestRejectedError``."""
    body = await read_body(request, shape)
    request.state.counts = True
    return body


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _answer_error(request: Request, error: Exception) -> Response:
    """Every error as TGI words it; unknown routes and missing keys have no body."""
    match error:
        case InferenceError():
            if getattr(request.state, "counts", False):
                _service(request).metrics.refused(error)
            return JSONResponse(error.body(), error.status)
        case RequestRejectedError():
            return PlainTextResponse(str(error), error.status)
        case ClientDisconnect():
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        case HTTPException():
            return Response(status_code=error.status_code, headers=error.headers)
    # A mistake of ours: the server logs it after this answer, and closes the connection.
    failure = IncompleteError()
    return JSONResponse(failure.body(), failure.status, {"connection": "close"})
