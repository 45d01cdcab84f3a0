"""Changing a password."""

from __future__ import annotations

from django.contrib.auth import update_session_auth_hash
from django.db import transaction
from django.http import HttpRequest

from accounts import log_ins
from accounts.models import User


@transaction.atomic
def change_password(*, request: HttpRequest, user: User, password: str) -> None:
    """Set a password that was checked. The log-in that asks stays; every other one ends, in browsers and programs."""
    user.set_password(password)
    user.save(update_fields=["password"])
    update_session_auth_hash(request, user)
    log_ins.end_others(user=user, current=request.session.session_key)
