"""Log-in sessions in the database, as Django keeps them, read by a statement whose text is fixed: every request of a
page reads its session, and putting such a query together costs more than asking it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.sessions.backends import db
from django.db import connection
from django.utils import timezone

LOAD = "SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > %s"

# Who logged in before there was `accounts.backends` stays logged in.
FORMER_BACKEND = "django.contrib.auth.backends.ModelBackend"


class SessionStore(db.SessionStore):
    """Django's, with a cheaper `load`."""

    def load(self) -> dict[str, Any]:
        with connection.cursor() as cursor:
            cursor.execute(LOAD, [self.session_key, timezone.now()])
            found = cursor.fetchone()
        if found is None:
            self._session_key = None
            return {}
        session: dict[str, Any] = self.decode(found[0])
        if session.get(BACKEND_SESSION_KEY) == FORMER_BACKEND:
            session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        return session
