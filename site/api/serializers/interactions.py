from __future__ import annotations

from typing import Any

from rest_framework import serializers

from api.serializers.fields import ParametersField
from chat.models import QUERY_MAX_LENGTH, Interaction


class InteractionOutput(serializers.ModelSerializer[Interaction]):
    session_id = serializers.UUIDField(read_only=True)
    parent_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = Interaction
        fields = [
            "id",
            "session_id",
            "parent_id",
            "query_text",
            "parameters",
            "status",
            "final_response_text",
            "error_code",
            "error_message",
            "finish_reason",
            "model_id",
            "seed",
            "prompt_tokens",
            "generated_tokens",
            "first_token_ms",
            "duration_ms",
            "dropped_turns",
            "rating",
            "created",
            "finished",
        ]
        read_only_fields = fields


class ChatInput(serializers.Serializer[Any]):
    """The body of POST /api/chat/."""

    message = serializers.CharField(max_length=QUERY_MAX_LENGTH, trim_whitespace=False)
    session_id = serializers.UUIDField(required=False, allow_null=True)
    parameters = ParametersField(required=False)
    stream = serializers.BooleanField(required=False, default=False)

    def validate_message(self, value: str) -> str:
        if not value.strip():
            raise serializers.ValidationError("This field may not be blank.", code="blank")
        return value


def chat_output(interaction: Interaction) -> dict[str, Any]:
    """The plain answer of POST /api/chat/."""
    return {
        "session_id": str(interaction.session_id),
        "interaction_id": str(interaction.pk),
        "status": interaction.status,
        "response": interaction.final_response_text,
        "usage": {
            "prompt_tokens": interaction.prompt_tokens,
            "generated_tokens": interaction.generated_tokens,
        },
        "finish_reason": interaction.finish_reason,
        "error": {"code": interaction.error_code, "message": interaction.error_message}
        if interaction.error_code
        else None,
    }
