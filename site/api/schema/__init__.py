"""The API's description: OpenAPI 3.1 by drf-spectacular, at /api/schema/, and pages that show it.

How to describe an operation. On a method of a DRF view; where it is inherited, on the class with
`@extend_schema_view(get=extend_schema(…), post=…)`:

    @extend_schema(
        summary="Rate an answer",                      # an order, in a few words; the docstring is the description
        request=RatingInput,                           # a serializer; None where no body is read
        responses={200: InteractionOutput, **errors("not_continuable")},
        parameters=[IF_MATCH, ETAG],                   # headers beyond those below
        examples=examples(request={"rating": 1}),      # not needed where the serializer has them: see `example`
    )

On a plain async view (`api.asynchronous.api_view`), outermost, the same for each of its methods:

    @described(post=extend_schema(summary=…, request=…, responses=…))
    @api_view("POST")
    async def view(request): …

What every operation has is added by itself (`api.schema.operations`): the tag; 401 and 403 where a token is needed,
404 where the path or a page's cursor names something, 400, 411, 413 and 415 where a body is read, 429 and 503 always.
`errors` is for what an operation has beyond: name the codes. Each code is a row of `api.codes.CODES`, which
is where a new one is added, with its status and what it tells. /v1 has the same in OpenAI's shape.

A serializer says its example once, where it is written:

    @example(response=INTERACTION)                     # or request=…, or both
    class InteractionOutput(…): …

A stream: `(200, "text/event-stream"): Stream(events={"delta": DeltaEvent, …}, example="…")`.

When routes or serializers have changed, `make schema` writes docs/openapi.yaml anew; a test fails until it is. Where
two changes meet in that file, keep either and write it anew.
"""

from __future__ import annotations

from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)

from api.schema.describing import described, example, examples
from api.schema.errors import errors
from api.schema.headers import ETAG, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, LAST_EVENT_ID, UNCHANGED
from api.schema.streams import Stream

__all__ = [
    "ETAG",
    "IDEMPOTENCY_KEY",
    "IF_MATCH",
    "IF_NONE_MATCH",
    "LAST_EVENT_ID",
    "UNCHANGED",
    "OpenApiParameter",
    "OpenApiResponse",
    "Stream",
    "described",
    "errors",
    "example",
    "examples",
    "extend_schema",
    "extend_schema_field",
    "extend_schema_view",
]
