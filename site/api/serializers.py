"""What the API takes and gives. Names are the data's own."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.serializers import TokenRefreshSerializer

from accounts.models import User
from accounts.signup import UsernameTakenError, create_account
from chat.models import QUERY_MAX_LENGTH, TITLE_MAX_LENGTH, ChatSession, Interaction
from chat.parameters import ParameterError, checked


class ParametersField(serializers.JSONField):
    """Generation parameters, checked."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError('Send an object, such as {"temperature": 0.7}.')
        try:
            return checked(value)
        except ParameterError as error:
            raise serializers.ValidationError(str(error)) from None


class RegisterInput(serializers.ModelSerializer[User]):
    password = serializers.CharField(write_only=True, max_length=4096, trim_whitespace=False)

    class Meta:
        model = User
        fields = ["id", "username", "password"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            validate_password(attrs["password"], User(username=attrs["username"]))
        except DjangoValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from None
        return attrs

    def create(self, validated_data: dict[str, Any]) -> User:
        user = User(username=validated_data["username"])
        user.set_password(validated_data["password"])
        try:
            return create_account(user=user)
        except UsernameTakenError:
            message = "A user with that username already exists."
            raise serializers.ValidationError({"username": [message]}, code="unique") from None


class RefreshInput(TokenRefreshSerializer):
    """The body of POST /api/token/refresh/."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        try:
            return super().validate(attrs)
        except User.DoesNotExist:
            # The library lets this one through, as a server error.
            raise AuthenticationFailed("This account was deleted.", "no_active_account") from None


class SessionOutput(serializers.ModelSerializer[ChatSession]):
    """A session, read; and, for PATCH and POST, the fields that may be set."""

    title = serializers.CharField(max_length=TITLE_MAX_LENGTH, required=False, allow_blank=True)
    system_prompt = serializers.CharField(max_length=QUERY_MAX_LENGTH, required=False, allow_blank=True)
    parameters = ParametersField(required=False)

    class Meta:
        model = ChatSession
        fields = ["id", "title", "system_prompt", "parameters", "pinned", "archived", "created", "updated"]
        read_only_fields = ["id", "created", "updated"]


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
