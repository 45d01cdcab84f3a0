from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from api.schema import example
from api.schema.samples import INTERACTION_ID
from api.serializers.strict import StrictTypes
from chat.models import Status
from chat.sharing import Shown

TOKEN = "mA7C0v0r2g3kq1bYQxv5Zw"  # noqa: S105 - an example
LINK = {
    "token": TOKEN,
    "url": f"https://parley.example/s/{TOKEN}/",
    "api_url": f"https://parley.example/api/shared/{TOKEN}/",
    "interaction_id": INTERACTION_ID,
    "turns": 1,
    "created": "2026-11-24T09:31:00.000000Z",
}
TURN = {
    "number": 1,
    "query_text": "Why is the sky blue?",
    "status": "complete",
    "final_response_text": "Air scatters blue light more than red.",
    "finish_reason": "stop",
}


@example(request={"interaction_id": INTERACTION_ID})
class LinkInput(StrictTypes, serializers.Serializer[Any]):
    """What to share: the path down to this interaction. Without it, the one that the session's page shows: down to the
    newest. What is asked later is not shared."""

    interaction_id = serializers.UUIDField(required=False, allow_null=True)


@example(response=LINK)
class LinkOutput(serializers.Serializer[Any]):
    """A link. `url`: the page for people; `api_url`: the same for programs. Whoever has either can read what it shows,
    which is so many `turns`, down to `interaction_id`."""

    token = serializers.CharField(source="link.token")
    url = serializers.SerializerMethodField()
    api_url = serializers.SerializerMethodField()
    interaction_id = serializers.UUIDField(source="link.leaf_id")
    turns = serializers.IntegerField()
    created = serializers.DateTimeField(source="link.created")

    def get_url(self, shown: Shown) -> str:
        return self._absolute(shown.link.get_absolute_url())

    def get_api_url(self, shown: Shown) -> str:
        return self._absolute(reverse("api_shared", args=[shown.link.token]))

    def _absolute(self, address: str) -> str:
        return str(self.context["request"].build_absolute_uri(address))


@example(response={"results": [LINK], "next": None, "previous": None})
class LinksOutput(serializers.Serializer[Any]):
    """All links of a session, which are one page."""

    results = LinkOutput(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class SharedQuery(serializers.Serializer[Any]):
    """Which page of what is shared."""

    page = serializers.IntegerField(required=False, default=1, min_value=1, max_value=100_000)


class SharedTurnOutput(serializers.Serializer[Any]):
    """A question and its answer, without anything by which they are known elsewhere. `number`: from 1 on. An answer
    that is still being written is empty."""

    number = serializers.IntegerField()
    query_text = serializers.CharField()
    status = serializers.ChoiceField(choices=Status.choices)
    final_response_text = serializers.CharField(allow_blank=True)
    finish_reason = serializers.CharField(allow_blank=True)


@example(response={"title": "Why is the sky blue?", "count": 1, "results": [TURN], "next": None, "previous": None})
class SharedOutput(serializers.Serializer[Any]):
    """A part of a conversation as anybody reads it, oldest first. `title` is made of its first question; `count`: how
    many turns there are in all."""

    title = serializers.CharField()
    count = serializers.IntegerField()
    results = SharedTurnOutput(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
