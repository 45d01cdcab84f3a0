"""Makes accounts for the load generator, logged in already: `python -m bench.accounts 300` prints them as JSON.

Runs with the site's settings, on its database: logging in 300 times over HTTP would measure password hashing.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from accounts.models import User


def main() -> None:
    django.setup()
    from accounts.models import User

    users = [User(username=f"bench{number}") for number in range(int(sys.argv[1]))]
    for user in users:
        user.set_unusable_password()
    User.objects.bulk_create(users)
    json.dump([logged_in(user) for user in users], sys.stdout)


def logged_in(user: User) -> dict[str, str]:
    """A session cookie, a form token and an access token of the user."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.middleware.csrf import _get_new_csrf_string

    from accounts.jwts import AccessToken
    from accounts.sessions import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return {
        "session_cookie": session.session_key or "",
        "csrf": _get_new_csrf_string(),
        "access": str(AccessToken.for_user(user)),
    }


if __name__ == "__main__":
    main()
