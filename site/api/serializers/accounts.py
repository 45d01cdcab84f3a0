from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from rest_framework import serializers
from rest_framework.validators import UniqueValidator
from rest_framework_simplejwt.serializers import (
    TokenBlacklistSerializer,
    TokenObtainPairSerializer,
    TokenRefreshSerializer,
)

from accounts import jwts, passwords
from accounts.models import Theme, User
from accounts.signup import UsernameTakenError, create_account
from api.schema import example
from api.schema.samples import ACCOUNT
from api.serializers.fields import ParametersField
from api.serializers.queries import OneOf, TrueOrFalse
from api.serializers.strict import StrictTypes
from chat.presets import SYSTEM_PROMPT_MAX_LENGTH

NEW_PASSWORD: dict[str, Any] = {"write_only": True, "max_length": 4096, "trim_whitespace": False}
USERNAME_TAKEN = "A user with that username already exists."


class UsernameField(serializers.CharField):
    """As the sign-up page takes it: characters that look the same are the same (NFKC)."""

    def to_internal_value(self, data: Any) -> str:
        return User.normalize_username(super().to_internal_value(data))


@example(request={"username": "ada", "password": "a long password"}, response={"id": 1, "username": "ada"})
class RegisterInput(StrictTypes, serializers.ModelSerializer[User]):
    """A new account."""

    username = UsernameField(
        max_length=150,
        validators=[
            UnicodeUsernameValidator(),
            UniqueValidator(User.objects.all(), message=USERNAME_TAKEN, lookup="iexact"),
        ],
    )
    password = serializers.CharField(**NEW_PASSWORD)

    class Meta:
        model = User
        fields = ["id", "username", "password"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_password("password", attrs["password"], User(username=attrs["username"]))
        return attrs

    def create(self, validated_data: dict[str, Any]) -> User:
        user = User(username=validated_data["username"])
        user.set_password(validated_data["password"])
        try:
            return create_account(user=user)
        except UsernameTakenError:
            raise serializers.ValidationError({"username": [USERNAME_TAKEN]}, code="unique") from None


def check_password(field: str, password: str, user: User) -> None:
    """Raises ValidationError for this field unless it is a password that one may choose."""
    try:
        validate_password(password, user)
    except DjangoValidationError as error:
        raise serializers.ValidationError({field: error.messages}) from None


@example(response=ACCOUNT)
class AccountOutput(serializers.ModelSerializer[User]):
    """An account, and what its owner chose. `system_prompt` and `parameters` are what new sessions begin with."""

    is_administrator = serializers.BooleanField(source="is_superuser")
    parameters = serializers.DictField()

    class Meta:
        model = User
        fields = [
            "id",
            "username",
            "date_joined",
            "is_administrator",
            "theme",
            "language",
            "enter_sends",
            "system_prompt",
            "parameters",
        ]
        read_only_fields = fields


@example(request={"theme": "dark", "parameters": {"temperature": 0.2}})
class AccountInput(StrictTypes, serializers.Serializer[Any]):
    """What of an account may be changed."""

    theme = OneOf(Theme.values, required=False)
    language = OneOf(
        ["", *(code for code, _ in settings.LANGUAGES)],
        required=False,
        help_text="Of the pages; empty: what the browser asks for. The API is in English.",
    )
    enter_sends = TrueOrFalse(required=False, help_text="Whether the Enter key sends a message, or begins a new line.")
    system_prompt = serializers.CharField(
        max_length=SYSTEM_PROMPT_MAX_LENGTH, required=False, allow_blank=True, trim_whitespace=False
    )
    parameters = ParametersField(required=False)


class OwnPassword(serializers.CharField):
    """The password of the account that asks."""

    default_error_messages = {"wrong": "This is not your password. Try again."}

    def __init__(self) -> None:
        super().__init__(write_only=True, max_length=4096, trim_whitespace=False)

    def run_validation(self, data: Any = serializers.empty) -> str:
        """Raises LimitReached where there were too many wrong ones."""
        password: str = super().run_validation(data)
        request = self.context["request"]
        if not passwords.is_password_of(user=request.user, password=password, request=request):
            self.fail("wrong")
        return password


@example(request={"current_password": "a long password", "new_password": "another long password"})
class PasswordInput(StrictTypes, serializers.Serializer[Any]):
    """A new password."""

    current_password = OwnPassword()
    new_password = serializers.CharField(**NEW_PASSWORD)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_password("new_password", attrs["new_password"], self.context["request"].user)
        return attrs


@example(request={"password": "a long password"})
class DeleteAccountInput(StrictTypes, serializers.Serializer[Any]):
    """The password once more, before something that cannot be undone."""

    password = OwnPassword()


@example(response={"access": "eyJhbGciOiJIUzI1NiJ9.access.k3Yw", "refresh": "eyJhbGciOiJIUzI1NiJ9.refresh.uP1s"})
class TokensOutput(serializers.Serializer[Any]):
    """A pair of tokens, as POST /api/token/ gives."""

    access = serializers.CharField()
    refresh = serializers.CharField()


class LogInInput(StrictTypes, TokenObtainPairSerializer):
    """The body of POST /api/token/."""

    def to_internal_value(self, data: Any) -> Any:
        given = super().to_internal_value(data)
        given["username"] = User.normalize_username(given["username"])
        return given

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
