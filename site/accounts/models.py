"""The user: Django's own, under our name from the first migration on, so that it can grow."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A person or program with an account."""
