from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import pre_save


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        user_logged_in.connect(note_log_in, dispatch_uid="accounts.note_log_in")
        pre_save.connect(
            forget_refresh_token,
            sender="token_blacklist.OutstandingToken",
            dispatch_uid="accounts.forget_refresh_token",
        )


def note_log_in(request: Any, user: Any, **signal: Any) -> None:
    """Models can be imported only when all apps are there."""
    from accounts.log_ins import note

    note(request=request, user=user)


def forget_refresh_token(instance: Any, **signal: Any) -> None:
    """simplejwt keeps every refresh token as it is, and never reads it: its id is enough. Whoever sees the database, or
    a backup of it, must not be able to log in with what stands there."""
    instance.token = ""
