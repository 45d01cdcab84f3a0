from __future__ import annotations

from typing import Any

from rest_framework import serializers

from api.schema import example
from api.schema.samples import CHAT, INTERACTION
from api.serializers.fields import ParametersField
from chat.models import QUERY_MAX_LENGTH, Interaction, Status


@example(response=INTERACTION)
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


@example(request={"message": "Why is the sky blue?", "parameters": {"max_tokens": 100}})
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


class UsageOutput(serializers.Serializer[Any]):
    prompt_tokens = serializers.IntegerField(allow_null=True)
    generated_tokens = serializers.IntegerField(allow_null=True)


class FailureOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


@example(response=CHAT)
class AnswerOutput(serializers.Serializer[Any]):
    """What `chat_output` gives: the description of it, as making it is done for every question."""

    session_id = serializers.UUIDField()
    interaction_id = serializers.UUIDField()
    status = serializers.ChoiceField(Status.choices)
    response = serializers.CharField(allow_blank=True)
    usage = UsageOutput()
    finish_reason = serializers.CharField(allow_blank=True)
    error = FailureOutput(allow_null=True, help_text="Why there is no answer, or no whole one.")


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
