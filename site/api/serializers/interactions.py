from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers

from api.schema import example
from api.schema.samples import CHAT, INTERACTION, INTERACTION_ID
from api.serializers.fields import ParametersField, Question
from api.serializers.strict import StrictTypes
from chat import history
from chat.models import COMMENT_MAX_LENGTH, Interaction, Rating, Status


@example(response=INTERACTION)
class InteractionOutput(serializers.ModelSerializer[Interaction]):
    """A question and its answer. `parent_id`: the interaction that it follows."""

    session_id = serializers.UUIDField(read_only=True)
    parent_id = serializers.UUIDField(read_only=True, allow_null=True)
    tokens_per_second = serializers.FloatField(read_only=True, allow_null=True)

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
            "tokens_per_second",
            "dropped_turns",
            "rating",
            "rating_comment",
            "created",
            "finished",
        ]
        read_only_fields = fields


@example(response={**INTERACTION, "variants": [INTERACTION_ID]})
class OneInteractionOutput(InteractionOutput):
    """The same with `variants`: its id and those of its siblings, which follow the same interaction; the oldest first.
    With the same question they are other answers to it, with another one other branches."""

    variants = serializers.SerializerMethodField()

    class Meta(InteractionOutput.Meta):
        fields = [*InteractionOutput.Meta.fields, "variants"]
        read_only_fields = fields

    def get_variants(self, interaction: Interaction) -> list[UUID]:
        return history.family_of(interaction)


@example(request={"message": "Why is the sky red?"})
class MessageInput(StrictTypes, serializers.Serializer[Any]):
    """A question."""

    message = Question()


@example(request={"message": "Why is the sky blue?", "parameters": {"max_tokens": 100}})
class ChatInput(MessageInput):
    """The body of POST /api/chat/. `parent_id`: the interaction that the question follows; without it, the newest of
    the session. It says the session, too."""

    session_id = serializers.UUIDField(required=False, allow_null=True)
    parent_id = serializers.UUIDField(required=False, allow_null=True)
    parameters = ParametersField(required=False)
    stream = serializers.BooleanField(required=False, default=False)


@example(request={"rating": 1, "comment": "Short and right."})
class RatingInput(StrictTypes, serializers.Serializer[Any]):
    """What an answer is worth: 1, -1, or null to take that back. Without `comment`, what was said before is kept."""

    rating = serializers.ChoiceField(
        choices=[one.value for one in Rating],
        allow_null=True,
        error_messages={"invalid_choice": "Use 1, -1, or null to take the rating back."},
    )
    comment = serializers.CharField(max_length=COMMENT_MAX_LENGTH, required=False, allow_blank=True)


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
