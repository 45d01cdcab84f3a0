"""Who a session belongs to, read by a statement whose text is fixed: see `accounts.sessions`."""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend
from django.db import connection

from accounts.models import User

FIELDS = User._meta.concrete_fields
NAMES = [field.attname for field in FIELDS]
LOAD = f"SELECT {', '.join(str(field.column) for field in FIELDS)} FROM accounts_user WHERE id = %s"  # noqa: S608 - ours


class Backend(ModelBackend):
    """Django's, with a cheaper `get_user`."""

    def get_user(self, user_id: int) -> User | None:
        """The account; None if it was deleted or deactivated."""
        with connection.cursor() as cursor:
            cursor.execute(LOAD, [user_id])
            found = cursor.fetchone()
        if found is None:
            return None
        user = User.from_db(connection.alias, NAMES, found)
        return user if self.user_can_authenticate(user) else None
