from __future__ import annotations

from rest_framework import serializers

from api.schema import example
from api.schema.samples import SESSION
from api.serializers.fields import ParametersField
from chat.models import QUERY_MAX_LENGTH, TITLE_MAX_LENGTH, ChatSession


@example(request={"title": "The sky", "parameters": {"temperature": 0.2}}, response=SESSION)
class SessionOutput(serializers.ModelSerializer[ChatSession]):
    """A session, read; and, for PATCH and POST, the fields that may be set."""

    title = serializers.CharField(max_length=TITLE_MAX_LENGTH, required=False, allow_blank=True)
    system_prompt = serializers.CharField(max_length=QUERY_MAX_LENGTH, required=False, allow_blank=True)
    parameters = ParametersField(required=False)

    class Meta:
        model = ChatSession
        fields = ["id", "title", "system_prompt", "parameters", "pinned", "archived", "created", "updated"]
        read_only_fields = ["id", "created", "updated"]
