"""The migration that moves log-ins from Django's table to ours: whoever is logged in stays logged in."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.models import LogIn, User

# The name that the site had for Django's backend for a while.
EARLIER_BACKEND = "accounts.backends.PlainModelBackend"
take_over = import_module("accounts.migrations.0002_settings_and_log_ins").take_over_log_ins
pytestmark = pytest.mark.django_db


def old_session(of: str, password_hash: str, *, ends_in: timedelta = timedelta(days=1), **more: object) -> Session:
    """A row as it was before, of the user with that id."""
    data = {SESSION_KEY: of, BACKEND_SESSION_KEY: EARLIER_BACKEND, HASH_SESSION_KEY: password_hash, **more}
    encoded = SessionStore().encode(data)
    key = f"key{Session.objects.count()}".ljust(32, "x")
    return Session.objects.create(session_key=key, session_data=encoded, expire_date=timezone.now() + ends_in)


def test_who_is_logged_in_stays_so_with_what_the_session_holds(client: Client, owner: User):
    old = old_session(str(owner.pk), owner.get_session_auth_hash(), more="kept")
    take_over(apps, None)
    moved = LogIn.objects.get()
    assert (moved.session_key, moved.expire_date, moved.user) == (old.session_key, old.expire_date, owner)
    client.cookies[settings.SESSION_COOKIE_NAME] = old.session_key
    response = client.get("/chat/")
    assert response.status_code == 200
    assert response.wsgi_request.session["more"] == "kept"


def test_what_is_nobodys_is_left_where_it_is(owner: User):
    good = owner.get_session_auth_hash()
    old_session(str(owner.pk), good, ends_in=timedelta(seconds=-1))
    old_session("", good)
    old_session("999999999", good)
    old_session("1 OR 1=1", good)
    tampered = old_session(str(owner.pk), good)
    tampered.session_data = tampered.session_data[:-1] + ("A" if tampered.session_data[-1] != "A" else "B")
    tampered.save()
    take_over(apps, None)
    assert not LogIn.objects.exists()
    assert Session.objects.count() == 5


def test_a_session_from_before_a_changed_password_is_moved_and_logs_nobody_in(client: Client, owner: User):
    old = old_session(str(owner.pk), owner.get_session_auth_hash())
    owner.set_password("another one entirely")
    owner.save()
    take_over(apps, None)
    client.cookies[settings.SESSION_COOKIE_NAME] = old.session_key
    assert client.get("/chat/").status_code == 302
