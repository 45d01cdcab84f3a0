"""GET /api/schema/, and the two pages that show it: Swagger UI and Redoc, from the package's own files."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from threading import Lock
from typing import Any

from csp.constants import HEADER
from csp.utils import build_policy
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer2
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from api.asynchronous import api_view
from api.schema.describing import described, examples
from api.schema.headers import IF_NONE_MATCH
from chat.database import in_thread

YAML = "application/yaml"

_DOCUMENT = {"type": "object", "required": ["openapi", "info", "paths"], "additionalProperties": True}
_EXAMPLE = {"openapi": "3.1.0", "info": {"title": "Parley", "version": "1"}, "paths": {}}

# Hashes of the style elements that Redoc makes: empty ones, which it fills rule by rule, and one of a part of it. They
# are those of the version that is pinned; the browser's tests fail where another needs others.
REDOC_STYLES = [
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
]

_one_at_a_time = Lock()


@described(
    get=extend_schema(
        summary="Read this description",
        auth=[],
        parameters=[
            OpenApiParameter("format", str, enum=["json", "yaml"], description="JSON, unless `yaml` is asked for."),
            IF_NONE_MATCH,
        ],
        responses={
            (200, "application/json"): _DOCUMENT,
            (200, YAML): {"type": "string"},
            304: OpenApiResponse(description="It is still the same."),
        },
        examples=[
            *examples(response=_EXAMPLE),
            OpenApiExample("YAML", value="openapi: 3.1.0\n", media_type=YAML, response_only=True),
        ],
    )
)
@api_view("GET")
async def schema(request: HttpRequest) -> HttpResponseBase:
    """The OpenAPI document of this API, as JSON or YAML. It needs no token."""
    as_yaml = request.GET.get("format", "json") == "yaml"
    content, etag = await in_thread(document, as_yaml)
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    kind = YAML if as_yaml else "application/json"
    return HttpResponse(content, content_type=kind, headers={"ETag": etag, "Cache-Control": "no-cache"})


def document(as_yaml: bool) -> tuple[bytes, str]:
    """The document and its ETag. It is the same until the code is another; what makes it keeps notes in classes, so two
    may not be made at once."""
    with _one_at_a_time:
        return _document(as_yaml)


@lru_cache(maxsize=2)
def _document(as_yaml: bool) -> tuple[bytes, str]:
    renderer = OpenApiYamlRenderer2() if as_yaml else OpenApiJsonRenderer2()
    content: bytes = renderer.render(described_api(), renderer_context={})
    return content, f'"{sha256(content).hexdigest()[:32]}"'


def described_api() -> dict[str, Any]:
    """The description, made anew."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


@require_safe
def swagger(request: HttpRequest) -> HttpResponse:
    """Swagger UI."""
    return render(request, "api/swagger.html")


@require_safe
def redoc(request: HttpRequest) -> HttpResponse:
    """Redoc. It puts styles into the page by script: those two and no others are allowed there."""
    response = render(request, "api/redoc.html")
    response.headers[HEADER] = build_policy(update={"style-src": REDOC_STYLES})
    return response
