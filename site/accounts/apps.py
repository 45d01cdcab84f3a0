from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        user_logged_in.connect(note_log_in, dispatch_uid="accounts.note_log_in")


def note_log_in(request: Any, user: Any, **signal: Any) -> None:
    """Models can be imported only when all apps are there."""
    from accounts.log_ins import note

    note(request=request, user=user)
