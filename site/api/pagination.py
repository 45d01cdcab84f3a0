from __future__ import annotations

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Pages by cursor, newest first: rows that are added meanwhile neither repeat nor hide others. Ids are
    time-ordered, so they sort by age and never tie."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
