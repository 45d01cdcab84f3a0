"""Streams of events in the description. OpenAPI 3.1 has no word for them: `schema` is that of each event, as tools that
know streams take it; the example is the text as it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from rest_framework import serializers

from chat.models import Status

MEDIA_TYPE = "text/event-stream"


@dataclass(frozen=True, eq=False)
class Stream:
    """A response that is a stream.

    Attributes:
        events: the serializer of the data of each event, by its name; "" for events without one.
        example: the stream's text.
        last: data that is no JSON, of an event that ends the stream.
    """

    events: Mapping[str, type[serializers.Serializer[Any] | BaseModel]]
    example: str
    description: str = "Server-sent events."
    last: str | None = None


class DeltaEvent(serializers.Serializer[Any]):
    """`event: delta`: a piece of the answer, sent as it comes. Its `id` is the offset after the text."""

    text = serializers.CharField()
    offset = serializers.IntegerField(min_value=0, help_text="Characters of the answer before this piece.")


class StatusEvent(serializers.Serializer[Any]):
    """`event: status`: sent when the status changes, and when what the answer waits for does."""

    status = serializers.ChoiceField(Status.choices)
    interaction_id = serializers.UUIDField()
    session_id = serializers.UUIDField(required=False, help_text="In the first event after asking.")
    waiting_for = serializers.CharField(required=False, help_text="What a queued answer waits for.")
    place = serializers.IntegerField(required=False, min_value=0, help_text="How many are before it.")
