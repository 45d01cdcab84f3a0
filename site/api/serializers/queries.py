"""What lists are asked for: the part of an address after the `?`."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from chat.search import MOST_CHARACTERS


def as_sent(kind: type[serializers.Serializer[Any]], query: QueryDict) -> dict[str, Any]:
    """A plain dictionary of a query. Of a form, as which DRF would take it, what is empty is passed over, and of what
    comes twice all but the last."""
    many = {name for name, field in kind().fields.items() if isinstance(field, serializers.ListField)}
    lists = {name: query.getlist(name) for name in query}
    return {name: given if name in many or len(given) > 1 else given[0] for name, given in lists.items()}


class OneOf(serializers.ChoiceField):
    """A choice; who chooses something else is told what there is."""

    def __init__(self, names: list[str], **options: Any) -> None:
        super().__init__(
            choices=names, error_messages={"invalid_choice": f"Use one of: {', '.join(names)}."}, **options
        )


class TrueOrFalse(serializers.BooleanField):
    default_error_messages = {"invalid": "Use true or false."}


class PageQuery(serializers.Serializer[Any]):
    """Which page of a list."""

    USUAL, MOST = 50, 200

    page_size = serializers.IntegerField(
        required=False, default=USUAL, min_value=1, max_value=MOST, help_text="Rows of a page."
    )
    cursor = serializers.CharField(
        required=False, max_length=4000, help_text="From a `next` or `previous` link of this list."
    )


class SessionQuery(serializers.Serializer[Any]):
    """Which sessions, and in which order."""

    ORDERINGS = {
        "-created": ["-created", "-id"],
        "created": ["created", "id"],
        "-updated": ["-updated", "-id"],
        "updated": ["updated", "id"],
        "title": ["title", "id"],
        "-title": ["-title", "-id"],
    }

    search = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=MOST_CHARACTERS,
        help_text='Words, parts of words, or a "phrase": all are in the title, or in one question with its answer.',
    )
    archived = OneOf(
        ["true", "false", "all"],
        required=False,
        help_text="Sessions in the archive, out of it (the default), or all (the default of a search).",
    )
    pinned = TrueOrFalse(required=False, allow_null=True, default=None, help_text="Pinned ones, or the others, alone.")
    ordering = OneOf(
        list(ORDERINGS),
        required=False,
        default="-created",
        help_text="`updated` is when it was last asked in. Follow `updated`, oldest first, to miss no change: what "
        "changes meanwhile comes again at the end. With `-updated` it moves before the first page.",
    )


class PathQuery(serializers.Serializer[Any]):
    """Which interactions of a session."""

    path_to = serializers.UUIDField(
        required=False,
        help_text="This interaction and those that it follows, up to the first: one conversation of the tree.",
        error_messages={"invalid": "Use the id of an interaction of this session."},
    )
