"""Personal API tokens: made, found, revoked. A token is shown once, when it is made; its hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiToken, User

# What a token may be used for: to read what its owner's chats say; to ask and to change things, too.
SCOPES = ("read", "chat")
PREFIX = "parley_"
HINT_LENGTH = 12
# Longer is no token of ours; it is not worth hashing megabytes.
LONGEST = 200
# `last_used` is as exact as that: a busy program must not write a row for each of its requests.
USE_NOTED_EVERY = timedelta(minutes=1)


class TokenError(ValueError):
    """A token that cannot be made; the text says why."""


def create(
    *, owner: User, name: str, scopes: Sequence[str] = SCOPES, lifetime: timedelta | None = None
) -> tuple[ApiToken, str]:
    """Make a token that ends after `lifetime` (None: never).

    Returns:
        Its row, and the token itself: `parley_` and 43 characters of URL-safe base64. Nothing can show it again.

    Raises:
        TokenError: a scope that there is not, or none.
    """
    if not scopes or set(scopes) - set(SCOPES):
        raise TokenError(f"scopes: one or more of {', '.join(SCOPES)}")
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        owner=owner,
        name=name,
        digest=_digest(token),
        hint=token[:HINT_LENGTH],
        scopes=[scope for scope in SCOPES if scope in scopes],
        expires=timezone.now() + lifetime if lifetime else None,
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


def _digest(token: str) -> str:
    return hashlib.sha256(token[:LONGEST].encode(errors="replace")).hexdigest()
