from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.serializers import TokenRefreshSerializer

from accounts.models import User
from accounts.signup import UsernameTakenError, create_account


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
