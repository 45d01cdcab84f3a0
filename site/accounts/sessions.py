"""Log-in sessions in the database, as Django keeps them, with the account they belong to. One statement of fixed text
reads both: every request of a page needs them, and putting two queries together costs more than asking them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from django.conf import settings
from django.contrib import auth
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import SessionBase
from django.db import connection, models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import USER_AGENT_MAX_LENGTH, LogIn, User

FIELDS = User._meta.concrete_fields
NAMES = [field.attname for field in FIELDS]
JSON_AT = [at for at, field in enumerate(FIELDS) if isinstance(field, models.JSONField)]

LOAD = f"""
SELECT l.session_key, l.session_data, {", ".join(f"u.{field.column}" for field in FIELDS)}
FROM accounts_login l LEFT JOIN accounts_user u ON u.id = l.user_id
WHERE l.session_key = ANY(%s) AND l.expire_date > %s
"""  # noqa: S608 - columns of ours

# Where a session keeps the browser that it belongs to.
USER_AGENT = "user_agent"


# Of one session: what it holds, as the database keeps it, and the columns of its account.
LogInRow = tuple[str, list[Any]]


def load_log_ins(keys: Sequence[str]) -> list[LogInRow | None]:
    """The sessions with these keys, in order; None for one that does not exist or has expired."""
    with connection.cursor() as cursor:
        cursor.execute(LOAD, [list(keys), timezone.now()])
        found = {key: (data, account) for key, data, *account in cursor.fetchall()}
    return [found.get(key) for key in keys]


class SessionStore(db.SessionStore):
    """Django's.

    Attributes:
        account: whose it was when it was loaded; not checked yet, see `user_of`.
    """

    account: User | None = None

    @classmethod
    def get_model_class(cls) -> type[LogIn]:
        return LogIn

    def load(self) -> dict[str, Any]:
        return self.take(load_log_ins([self.session_key or ""])[0])

    def take(self, found: LogInRow | None) -> dict[str, Any]:
        """Be the session that was found, and return what it holds."""
        self._session_cache: dict[str, Any] = {}
        if found is None:
            self._session_key = None
            return self._session_cache
        data, account = found
        self.account = _account(list(account))
        self._session_cache = self.decode(data)
        return self._session_cache

    def create_model_instance(self, data: dict[str, Any]) -> LogIn:
        log_in = cast(LogIn, super().create_model_instance(data))
        log_in.user_id = data.get(SESSION_KEY)
        log_in.user_agent = data.get(USER_AGENT, "")[:USER_AGENT_MAX_LENGTH]
        return log_in


def _account(columns: list[Any]) -> User | None:
    if columns[0] is None:
        return None
    for at in JSON_AT:
        columns[at] = json.loads(columns[at])
    return User.from_db(connection.alias, NAMES, columns)


def account_of(session: SessionBase) -> User | None:
    """The account that came with a loaded session, if everything checks out as Django would have it. Pure."""
    account: User | None = getattr(session, "account", None)
    if (
        account is not None
        and account.is_active
        and session.get(SESSION_KEY) == str(account.pk)
        and session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and constant_time_compare(session.get(HASH_SESSION_KEY, ""), account.get_session_auth_hash())
    ):
        return account
    return None


def user_of(request: HttpRequest) -> User | AnonymousUser:
    """Django's `auth.get_user`, without a second statement where the account that came with the session checks out."""
    request.session.get(SESSION_KEY)  # loads it
    user: User | AnonymousUser = account_of(request.session) or auth.get_user(request)
    return user
