from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_delete


class LimitsConfig(AppConfig):
    name = "limits"

    def ready(self) -> None:
        post_delete.connect(forget_usage, sender=settings.AUTH_USER_MODEL, dispatch_uid="limits.forget_usage")


def forget_usage(instance: Any, **signal: Any) -> None:
    """After the account's chats, in the order in which the end of an answer takes their rows."""
    from limits.models import Usage

    Usage.objects.filter(owner_id=instance.pk).delete()
