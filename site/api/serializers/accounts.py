from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from rest_framework import serializers
from rest_framework_simplejwt.serializers import (
    TokenBlacklistSerializer,
    TokenObtainPairSerializer,
    TokenRefreshSerializer,
)

from accounts import jwts
from accounts.models import User
from accounts.signup import UsernameTakenError, create_account
from api.schema import example
from api.serializers.strict import StrictTypes


@example(request={"username": "ada", "password": "a long password"}, response={"id": 1, "username": "ada"})
class RegisterInput(StrictTypes, serializers.ModelSerializer[User]):
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


class LogInInput(StrictTypes, TokenObtainPairSerializer):
    """The body of POST /api/token/."""

    @classmethod
    def get_token(cls, user: User) -> jwts.RefreshToken:  # type: ignore[override]  # ours
        return jwts.made_for(user)


class RefreshInput(StrictTypes, TokenRefreshSerializer):
    """The body of POST /api/token/refresh/. A refresh token works once: one that comes again has been stolen."""

    token_class = jwts.RefreshToken

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        try:
            with transaction.atomic():
                return super().validate(attrs)
        except jwts.UsedAgainError:
            jwts.revoke_stolen(attrs["refresh"])
            raise


class LogOutInput(StrictTypes, TokenBlacklistSerializer):
    """The body of POST /api/token/blacklist/."""

    token_class = jwts.RefreshToken
