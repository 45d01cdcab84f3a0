"""JSON web tokens of programs: simplejwt's, each with the generation that its account's tokens had when it was made.

The account's generation is raised by a log-out everywhere and, by the database itself, by any change of its password
and by its deactivation: then no token made before is good any more, neither kind. A refresh token works once.
"""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts.models import User

logger = logging.getLogger(__name__)

# Tokens from before there were generations have none; an account begins with the first.
GENERATION = "generation"
FIRST = 0
USER_ID = re.compile(r"[0-9]{1,18}")
# A client that refreshes twice at once, or again because the answer was lost, is no thief.
LEEWAY = timedelta(seconds=10)
MOST_FLUSHED = 1000


class UsedAgainError(TokenError):
    """A refresh token that was used before, or that its owner ended."""


class _OfGeneration:
    """Mixed into simplejwt's tokens: they carry the generation of their user's."""

    payload: dict[str, Any]

    @classmethod
    def for_user(cls, user: Any) -> Any:
        """As the user was loaded: `made_for` looks again."""
        token = super().for_user(user)  # type: ignore[misc]  # a token's, which this is mixed into
        token[GENERATION] = user.token_generation
        return token

    def verify(self, *args: Any, **kwargs: Any) -> None:
        """The library takes what is signed to be whole."""
        user_id, jti = (
            str(self.payload.get(name, "")) for name in (api_settings.USER_ID_CLAIM, api_settings.JTI_CLAIM)
        )
        if not (USER_ID.fullmatch(user_id) and jti and isinstance(self.payload.get(GENERATION, FIRST), int)):
            raise TokenError("Token is invalid")
        super().verify(*args, **kwargs)  # type: ignore[misc]  # as above


class AccessToken(_OfGeneration, tokens.AccessToken):
    """Whether its user is still there, active and of its generation is for whoever loads the user to see."""


class RefreshToken(_OfGeneration, tokens.RefreshToken):
    """Looks that up itself: it looks into the database anyway."""

    access_token_class = AccessToken

    def verify(self, *args: Any, **kwargs: Any) -> None:
        super().verify(*args, **kwargs)
        if not _accounts_of(self).filter(is_active=True).exists():
            raise TokenError("Token was revoked")

    def check_blacklist(self) -> None:
        try:
            super().check_blacklist()
        except TokenError as error:
            raise UsedAgainError(str(error)) from None

    def blacklist(self) -> Any:
        """Of two who do this at once, one does."""
        made: Any = super().blacklist()  # not what the library says it is: the row, and whether it is new
        if not made[1]:
            raise UsedAgainError("Token is blacklisted")
        return made


def made_for(user: User) -> RefreshToken:
    """A new refresh token, and with it an access token (`.access_token`), good whatever happened to the account since
    it was loaded. A log-in may have hashed the password anew, which is a change like any other."""
    user.refresh_from_db(fields=["token_generation"])
    token: RefreshToken = RefreshToken.for_user(user)
    return token


def generation_of(token: tokens.Token) -> int:
    return int(token.get(GENERATION, FIRST))


def revoke_jwts(*, user: User) -> None:
    """End all of the user's access and refresh tokens, at once. Personal API tokens stay."""
    User.objects.filter(pk=user.pk).update(token_generation=F("token_generation") + 1)


def revoke_stolen(raw: str) -> bool:
    """A refresh token was used again. Either who used it first was a thief, or who does so now is: all tokens of its
    account end, so that its owner has to log in and the other cannot. Not for a token used twice within moments, nor
    for one that is revoked already.

    Args:
        raw: a refresh token, its signature checked.

    Returns:
        Whether tokens were revoked.
    """
    token = tokens.UntypedToken(raw)  # type: ignore[arg-type]  # as everywhere, the encoded one
    jti = token[api_settings.JTI_CLAIM]
    if not BlacklistedToken.objects.filter(token__jti=jti, blacklisted_at__lt=timezone.now() - LEEWAY).exists():
        return False
    revoked = _accounts_of(token).update(token_generation=F("token_generation") + 1)
    if revoked:
        logger.warning(
            "A refresh token of account %s was used again: its tokens were revoked.", token[api_settings.USER_ID_CLAIM]
        )
    return bool(revoked)


@transaction.atomic
def flush_expired() -> int:
    """Delete some of the refresh tokens that have expired: whether they were used matters no more. Any number of
    processes may do so at once, each takes others. Returns how many."""
    over = OutstandingToken.objects.filter(expires_at__lt=timezone.now()).order_by("expires_at")
    taken = list(over.select_for_update(skip_locked=True).values_list("pk", flat=True)[:MOST_FLUSHED])
    if taken:
        OutstandingToken.objects.filter(pk__in=taken).delete()
    return len(taken)


def _accounts_of(token: Any) -> Any:
    """The account that the token is good for, if there is one."""
    return User.objects.filter(pk=token[api_settings.USER_ID_CLAIM], token_generation=generation_of(token))
