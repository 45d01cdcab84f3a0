"""The user: Django's own, under our name from the first migration on, so that it can grow; log-ins and API tokens."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.db.models.functions import Now

USER_AGENT_MAX_LENGTH = 300
TOKEN_NAME_MAX_LENGTH = 100


class Theme(models.TextChoices):
    """Which colours: the system's choice, or the user's own."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class User(AbstractUser):
    """A person or program with an account, and what it chose.

    Attributes:
        language: a language code of settings.LANGUAGES; "" for what the browser asks for.
        enter_sends: whether Enter sends a message (Shift+Enter then breaks the line), or breaks the line itself.
        system_prompt, parameters: what new sessions begin with.
        token_generation: which JSON web tokens are good, see `accounts.jwts`. The database raises it, too.
    """

    theme = models.CharField(max_length=10, choices=Theme.choices, default=Theme.SYSTEM, db_default=Theme.SYSTEM)
    language = models.CharField(max_length=10, blank=True, default="", db_default="")
    enter_sends = models.BooleanField(default=True, db_default=True)
    system_prompt = models.TextField(blank=True, default="", db_default="")
    parameters: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, db_default={}, blank=True)
    token_generation = models.IntegerField(default=0, db_default=0, editable=False)


class LogInManager(BaseSessionManager["LogIn"]):
    """Django's own manager of sessions."""


class LogIn(AbstractBaseSession):
    """A browser's session, as Django keeps them, and whose it is: so that a user's log-ins can be listed and ended."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="log_ins")
    user_agent = models.CharField(max_length=USER_AGENT_MAX_LENGTH, blank=True, db_default="")
    created = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[LogInManager] = LogInManager()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Every time a session is saved Django makes its row anew: what is not in the session stays as it is."""
        if kwargs.get("force_update") and not kwargs.get("update_fields"):
            kwargs["update_fields"] = ["session_data", "expire_date", "user", "user_agent"]
        super().save(*args, **kwargs)

    class Meta(AbstractBaseSession.Meta):
        verbose_name = "log-in"
        verbose_name_plural = "log-ins"


class ApiToken(models.Model):
    """A personal token for programs. It is shown once; here is its hash.

    Attributes:
        digest: SHA-256 of the token, in hexadecimal. Tokens are random, so nothing slower is needed.
        hint: its first characters, by which its owner knows it.
        scopes: what it may be used for, names out of `accounts.tokens.SCOPES`.
        expires: None for never.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=TOKEN_NAME_MAX_LENGTH)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=12, editable=False)
    scopes: models.JSONField[list[str]] = models.JSONField(default=list)
    created = models.DateTimeField(db_default=Now(), editable=False)
    expires = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created", "-id"]

    def __str__(self) -> str:
        return self.name
