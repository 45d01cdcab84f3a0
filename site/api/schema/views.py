"""GET /api/schema/, and the two pages that show it: Swagger UI and Redoc, from the package's own files."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from csp.constants import HEADER
from csp.utils import build_policy
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer2
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from api.asynchronous import api_view
from api.schema.describing import described, examples
from api.schema.headers import IF_NONE_MATCH
from chat.database import in_thread

JSON, YAML = "application/vnd.oai.openapi+json", "application/yaml"

_DOCUMENT = {"type": "object", "required": ["openapi", "info", "paths"], "additionalProperties": True}
_EXAMPLE = {"openapi": "3.1.0", "info": {"title": "Parley", "version": "1"}, "paths": {}}


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
        examples=examples(response=_EXAMPLE),
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


@lru_cache(maxsize=2)
def document(as_yaml: bool) -> tuple[bytes, str]:
    """The document and its ETag. It is the same until the code is another."""
    renderer = OpenApiYamlRenderer2() if as_yaml else OpenApiJsonRenderer2()
    content: bytes = renderer.render(SchemaGenerator().get_schema(request=None, public=True), renderer_context={})
    return content, f'"{sha256(content).hexdigest()[:32]}"'


@require_safe
def swagger(request: HttpRequest) -> HttpResponse:
    """Swagger UI."""
    return render(request, "api/swagger.html")


@require_safe
def redoc(request: HttpRequest) -> HttpResponse:
    """Redoc. It puts its styles into the page by script, which the site's own policy does not allow."""
    response = render(request, "api/redoc.html")
    response.headers[HEADER] = build_policy(update={"style-src": ["'unsafe-inline'"]})
    return response
