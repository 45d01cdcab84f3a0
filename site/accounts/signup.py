"""Creating accounts: the rule that the first one becomes the administrator, kept in one place for pages and API."""

from __future__ import annotations

from django.conf import settings
from django.db import connection, transaction

from accounts.models import User

# Any fixed number: it names the advisory lock that makes 'is this the first account?' safe to ask.
FIRST_ACCOUNT_LOCK = 0x5041524C


def signup_is_open() -> bool:
    return settings.ENV.signup == "open"


class UsernameTakenError(Exception):
    """Somebody took the name since it was checked, or one that differs in capitals alone."""


@transaction.atomic
def create_account(*, user: User) -> User:
    """Save a new account; the very first one becomes the administrator.

    Args:
        user: unsaved, validated, its password set.

    Raises:
        UsernameTakenError: see there.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FIRST_ACCOUNT_LOCK])
    if not User.objects.exists():
        user.is_staff = user.is_superuser = True
    elif User.objects.filter(username__iexact=user.username).exists():
        raise UsernameTakenError
    user.save()
    return user
