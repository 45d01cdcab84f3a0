"""Who asks: `Authorization: Bearer` with an access token (a JWT), or with a personal API token of `accounts.tokens`."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.tokens import Token

from accounts import tokens
from accounts.jwts import generation_of
from accounts.models import ApiToken, User
from limits.headers import count_request


class BearerAuthentication(JWTAuthentication):
    """simplejwt's, and personal tokens beside it."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        header = self.get_header(request)
        raw = self.get_raw_token(header) if header else None
        if raw is not None and is_personal(raw):
            row = personal_token(raw, request.method or "")
            count_request(request, user_id=row.owner_id, token_id=row.pk)
            return row.owner, row
        found = super().authenticate(request)
        if found is not None:
            count_request(request, user_id=found[0].pk)
        return found

    def get_user(self, validated_token: Token) -> User:  # type: ignore[override]  # AUTH_USER_MODEL is ours
        """The user of an access token, loaded.

        Raises:
            InvalidToken: the token was revoked.
            AuthenticationFailed: the account was deleted or deactivated.
        """
        user: User = super().get_user(validated_token)  # type: ignore[assignment]  # AUTH_USER_MODEL is ours
        if generation_of(validated_token) != user.token_generation:
            raise InvalidToken("Token was revoked")
        return user


class AccessTokenAuthentication(BearerAuthentication):
    """Access tokens alone. For what a personal token may not do, whatever its scopes: a program's token that got into
    wrong hands must not make more of itself, nor shut its owner out."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        header = self.get_header(request)
        raw = self.get_raw_token(header) if header else None
        if raw is not None:
            refuse_personal(raw)
        return super().authenticate(request)


def refuse_personal(raw: bytes) -> None:
    """Raises PermissionDenied for a personal token, InvalidToken for one that is not good anyway."""
    if is_personal(raw):
        personal_token(raw, "GET")
        raise PermissionDenied(
            "A personal API token may not do this. Log in at POST /api/token/, and send the access token.",
            "access_token_required",
        )


def is_personal(raw: bytes) -> bool:
    """Whether a token is a personal one, good or not."""
    return raw.startswith(tokens.PREFIX.encode())


def personal_token(raw: bytes, method: str) -> ApiToken:
    """The row of a personal token that may be used for a request with this method, its owner loaded with it. Two
    statements at most.

    Raises:
        InvalidToken: it is unknown, has expired or was revoked, or its owner was deactivated.
        PermissionDenied: its scopes do not allow it. `chat` includes reading.
    """
    row = tokens.find(raw.decode(errors="replace"))
    if row is None:
        raise InvalidToken("This API token is not known, has expired or was revoked. Make a new one in the settings.")
    if method not in SAFE_METHODS and "chat" not in row.scopes:
        raise PermissionDenied("This API token may only read. Make one that may chat in the settings.", "wrong_scope")
    return row
