"""What authors of views and serializers write: decorators, and examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework.views import APIView

V = TypeVar("V", bound=Callable[..., Any])
S = TypeVar("S", bound=type)
Decorator = Callable[[Any], Any]

SUCCESS = ["200", "201", "202"]


def described(**operations: Decorator) -> Callable[[V], V]:
    """Describe a plain view, which drf-spectacular would not see: `get=extend_schema(…)`, `post=extend_schema(…)`.

    The view gets a DRF view that is only looked at, never called.
    """

    def decorate(view: V) -> V:
        members = {method: operation(_never_called(method)) for method, operation in operations.items()}
        only_looked_at = type(view.__name__, (APIView,), {"__doc__": view.__doc__, **members})
        view.cls, view.initkwargs = only_looked_at, {}  # type: ignore[attr-defined]  # where DRF looks for it
        return view

    return decorate


def _never_called(method: str) -> Callable[..., Any]:
    def handler(self: APIView, request: Any, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError

    handler.__name__ = method
    return handler


def example(*, request: Any = None, response: Any = None) -> Callable[[S], S]:
    """For a serializer: what a body with it looks like, wherever it is used."""
    return extend_schema_serializer(examples=examples(request=request, response=response))


def examples(*, request: Any = None, response: Any = None) -> list[OpenApiExample]:
    """For `extend_schema`: what is sent, and what comes back. They replace those of the serializers."""
    found = []
    if request is not None:
        found.append(OpenApiExample("Request", value=request, request_only=True))
    if response is not None:
        found.append(OpenApiExample("Response", value=response, response_only=True, status_codes=SUCCESS))
    return found
