"""Pages of lists by keyset: a cursor is the place of a row in the order, not a number of rows. So a page costs the same
wherever it is, and rows that are added or deleted meanwhile neither repeat nor hide others.

DRF's own cursors look at one column and count rows that tie; many rows may tie here (chats of one import, without a
title), and what is in a cursor has to be refused where it is none of ours.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Field, Model, Q, QuerySet
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from api.serializers.queries import PageQuery, as_sent

M = TypeVar("M", bound=Model)

NO_CURSOR = "Use a `next` or `previous` link of this list as it is, or leave the cursor out for the first page."


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where a page begins: after the row with these values, or before it."""

    ordering: Sequence[str]
    values: Sequence[str]
    is_back: bool

    def encoded(self) -> str:
        return urlsafe_b64encode(json.dumps([self.is_back, self.ordering, self.values]).encode()).decode()


class NewestFirst(BasePagination):
    """Pages by cursor, newest first. Ids are time-ordered, so they sort by age and never tie.

    A view may say another order: `page_ordering`, names of fields, all up or all down, the last of them unique.
    """

    ordering: Sequence[str] = ("-id",)

    def paginate_queryset(  # type: ignore[override]  # lists of the API are of rows
        self, queryset: QuerySet[M], request: Request, view: APIView | None = None
    ) -> list[M]:
        query = PageQuery(data=as_sent(PageQuery, request.query_params))
        query.is_valid(raise_exception=True)
        self._ordering = list(getattr(view, "page_ordering", None) or self.ordering)
        self._url = request.build_absolute_uri()
        self._size: int = query.validated_data["page_size"]
        cursor = self._decoded(queryset.model, query.validated_data.get("cursor"))
        rows = self._rows(queryset, cursor)
        self._has_more = len(rows) > self._size
        self._page = rows[: self._size]
        self._cursor = cursor
        if cursor and cursor.is_back:
            self._page.reverse()
        return self._page

    def _rows(self, queryset: QuerySet[M], cursor: _Cursor | None) -> list[M]:
        """One more than a page has, if there are more; away from the cursor."""
        is_back = cursor is not None and cursor.is_back
        ordering = [_turned(name) for name in self._ordering] if is_back else self._ordering
        if cursor:
            queryset = queryset.filter(_beyond(ordering, cursor.values))
        return list(queryset.order_by(*ordering)[: self._size + 1])

    def _decoded(self, model: type[Model], text: str | None) -> _Cursor | None:
        if not text:
            return None
        try:
            is_back, ordering, values = json.loads(urlsafe_b64decode(text.encode()))
            if ordering != self._ordering or not isinstance(values, list) or not isinstance(is_back, bool):
                raise ValueError(text)
            for name, value in zip(ordering, values, strict=True):
                _check_value(model, name.removeprefix("-"), value)
        except (ValueError, TypeError, RecursionError, DjangoValidationError):
            raise ValidationError({"cursor": [NO_CURSOR]}) from None
        return _Cursor(ordering, values, is_back)

    def _link(self, row: Model, *, is_back: bool) -> str:
        values = [_text(getattr(row, name.removeprefix("-"))) for name in self._ordering]
        return replace_query_param(self._url, "cursor", _Cursor(self._ordering, values, is_back).encoded())

    def get_next_link(self) -> str | None:
        is_back = self._cursor is not None and self._cursor.is_back
        if not self._page:
            return remove_query_param(self._url, "cursor") if is_back else None
        return self._link(self._page[-1], is_back=False) if is_back or self._has_more else None

    def get_previous_link(self) -> str | None:
        if self._cursor is None or (self._cursor.is_back and not self._has_more):
            return None
        if not self._page:
            return remove_query_param(self._url, "cursor")
        return self._link(self._page[0], is_back=True)

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link(), "previous": self.get_previous_link()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri", "example": None}
        following = "https://parley.example/api/presets/?cursor=W2ZhbHNlXQ%3D%3D"
        properties = {
            "results": schema,
            "next": {**link, "example": following, "description": "The next page; null: this is the last."},
            "previous": {**link, "description": "The page before; null: this is the first."},
        }
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": PageQuery.MOST, "default": PageQuery.USUAL}
        return [
            {"name": "cursor", "in": "query", "schema": {"type": "string"}, "description": NO_CURSOR},
            {"name": "page_size", "in": "query", "schema": size, "description": "Rows of a page."},
        ]


class NewestMadeFirst(NewestFirst):
    """Newest first by the time that rows say of themselves: what was imported was made before it came here."""

    ordering = ("-created", "-id")


def _turned(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _beyond(ordering: Sequence[str], values: Sequence[str]) -> Q:
    """The rows that come later in the order than one with these values. The first column bounds what is read."""
    side = "lt" if ordering[0].startswith("-") else "gt"
    condition = Q()
    for name, value in reversed(list(zip(ordering, values, strict=True))):
        field = name.removeprefix("-")
        further = Q(**{f"{field}__{side}": value})
        condition = further if not condition else Q(**{f"{field}__{side}e": value}) & (further | condition)
    return condition


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _check_value(model: type[Model], name: str, value: object) -> None:
    """Raises ValueError or Django's ValidationError: no row can have it."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(value)
    value.encode()  # no half of a pair of surrogates
    known = cast("Field[Any, Any]", model._meta.get_field(name)).to_python(value)
    if known is None or (isinstance(known, datetime) and timezone.is_naive(known)):
        raise ValueError(value)
