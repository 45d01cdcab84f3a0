"""Changing a password."""

from __future__ import annotations

from django.contrib.auth import authenticate, update_session_auth_hash
from django.db import transaction
from django.http import HttpRequest

from accounts import log_ins
from accounts.models import User


@transaction.atomic
def change_password(*, user: User, password: str, request: HttpRequest | None = None) -> None:
    """Set a password that was checked. Every log-in ends, in browsers and programs; that of a browser whose `request`
    this is stays. Personal API tokens stay."""
    user.set_password(password)
    user.save(update_fields=["password"])
    if request is None:
        log_ins.end_all(user=user)
        return
    update_session_auth_hash(request, user)
    log_ins.end_others(user=user, current=request.session.session_key)


def is_password_of(*, user: User, password: str, request: HttpRequest) -> bool:
    """Whether it is the password of whoever asks. Guesses are counted as those at log-in are: who got at somebody's
    token or browser must not find out the password with it.

    Raises:
        LimitReached: it was not looked at.
    """
    found = authenticate(request, username=user.get_username(), password=password)
    return found is not None and found.pk == user.pk
