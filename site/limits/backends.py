"""Where passwords are looked at: one place for the page, the API and whatever else there will be."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from limits import attempts
from limits.attempts import Guess
from limits.devices import device_of
from limits.requests import address_of


class GuardedBackend(ModelBackend):
    """Django's, for guesses that may be made. It is the last to be asked: Django's own stands behind it in the settings
    only since the log-ins that there are name it."""

    def authenticate(  # type: ignore[override]  # as Django's own, whose types are wider than it is
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **others: Any
    ) -> AbstractBaseUser | None:
        """
        Raises:
            LimitReached: the password was not looked at.
            PermissionDenied: it was wrong; Django asks no other backend then.
        """
        if request is None or username is None or password is None:
            return None
        guess = Guess(username, address_of(request), device_of(request, username))
        attempts.begin(guess)
        user = super().authenticate(request, username=username, password=password, **others)
        if user is None:
            raise PermissionDenied
        attempts.succeeded(guess)
        return user
