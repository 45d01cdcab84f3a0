"""Personal API tokens: made, found, revoked. A token is shown once, when it is made; its hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import TOKEN_NAME_MAX_LENGTH, ApiToken, User

# What a token may be used for: to read what its owner's chats say; to ask and to change things, too.
SCOPES = ("read", "chat")
PREFIX = "parley_"
HINT_LENGTH = 12
# Longer is no token of ours; it is not worth hashing megabytes.
LONGEST = 200
# `last_used` is as exact as that: a busy program must not write a row for each of its requests.
USE_NOTED_EVERY = timedelta(minutes=1)
# Of one user, those that have ended with them: they stay in the list until they are revoked.
MOST = 100


class TokenError(ValueError):
    """A token that cannot be made; the text says why."""


class TooManyTokens(TokenError):
    """The owner has as many as one may have."""


@transaction.atomic
def create(
    *, owner: User, name: str, scopes: Sequence[str] = SCOPES, expires: datetime | None = None
) -> tuple[ApiToken, str]:
    """Make a token that ends at `expires` (None: never).

    Returns:
        Its row, and the token itself: `parley_` and 43 characters of URL-safe base64. Nothing can show it again.

    Raises:
        TokenError: a name, scopes or an end that a token cannot have.
        TooManyTokens: see there.
    """
    _check(name, scopes, expires)
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)  # of two at once, one takes the last place
    if owner.api_tokens.count() >= MOST:
        raise TooManyTokens(f"there are {MOST} tokens already")
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        owner=owner,
        name=name,
        digest=_digest(token),
        hint=token[:HINT_LENGTH],
        scopes=[scope for scope in SCOPES if scope in scopes],
        expires=expires,
    )
    return row, token


def find(token: str) -> ApiToken | None:
    """The row of a token that is good now, its owner loaded with it.

    None where it is unknown, has expired or was revoked, or its owner was deactivated. The same work is done for every
    token, so the time it takes says nothing; and what is looked up is a hash, of which nobody can guess a part.
    """
    now = timezone.now()
    row = (
        ApiToken.objects.select_related("owner")
        .filter(Q(expires=None) | Q(expires__gt=now), digest=_digest(token), owner__is_active=True)
        .first()
    )
    if row is not None and (row.last_used is None or row.last_used < now - USE_NOTED_EVERY):
        row.last_used = now
        ApiToken.objects.filter(pk=row.pk).update(last_used=now)
    return row


def revoke(*, owner: User, token_id: int) -> bool:
    """Delete a token of the owner's; False if there is none of that id (any more)."""
    deleted, _ = ApiToken.objects.filter(owner=owner, pk=token_id).delete()
    return bool(deleted)


def _check(name: str, scopes: Sequence[str], expires: datetime | None) -> None:
    if not name.strip() or len(name) > TOKEN_NAME_MAX_LENGTH or "\x00" in name:
        raise TokenError(f"name: 1 to {TOKEN_NAME_MAX_LENGTH} characters, none of them NUL")
    if not scopes or set(scopes) - set(SCOPES):
        raise TokenError(f"scopes: one or more of {', '.join(SCOPES)}")
    if expires is not None and expires <= timezone.now():
        raise TokenError("expires: a time to come")


def _digest(token: str) -> str:
    return hashlib.sha256(token[:LONGEST].encode(errors="replace")).hexdigest()
