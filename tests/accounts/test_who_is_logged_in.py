"""A log-in session from request to request: whose it is, and when it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import LogIn, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def logged_in(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def is_in(client: Client) -> bool:
    """Asks the server; its cookie goes with the question and stays as it is."""
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    status = client.get("/chat/").status_code
    client.cookies[settings.SESSION_COOKIE_NAME] = cookie
    return status == 200


def test_the_user_of_a_session_is_the_account_with_all_its_fields(logged_in: Client, owner: User):
    user = logged_in.get("/chat/").wsgi_request.user
    assert user == owner
    fields = [field.attname for field in User._meta.concrete_fields]
    saved = User.objects.get(pk=owner.pk)
    assert {name: getattr(user, name) for name in fields} == {name: getattr(saved, name) for name in fields}
    assert (user._state.adding, user._state.db) == (False, "default"), "it is a row that there is, not a new one"


def test_a_changed_password_ends_the_sessions(logged_in: Client, owner: User):
    assert is_in(logged_in)
    owner.set_password("another one entirely")
    owner.save()
    assert not is_in(logged_in)


def test_a_deactivated_account_is_out_until_it_is_active_again(logged_in: Client):
    for active in (False, True):
        User.objects.update(is_active=active)
        assert is_in(logged_in) is active


def test_a_deleted_account_is_out(logged_in: Client, owner: User):
    owner.delete()
    assert not is_in(logged_in)


def test_a_session_ends_when_its_time_is_up(logged_in: Client):
    session = LogIn.objects.get()
    session.expire_date = timezone.now() + timedelta(minutes=1)
    session.save()
    assert is_in(logged_in)
    session.expire_date = timezone.now() - timedelta(seconds=1)
    session.save()
    assert not is_in(logged_in)


@pytest.mark.parametrize("key", ["", "x", "unknown" * 5, "'; --" * 8], ids=["none", "short", "unknown", "quotes"])
def test_a_cookie_that_is_no_session_is_nobody(client: Client, owner: User, key: str):
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert client.get("/chat/").status_code == 302
    assert LogIn.objects.count() == 0


def test_a_session_that_was_tampered_with_is_nobody(logged_in: Client):
    session = LogIn.objects.get()
    session.session_data = session.session_data[:-1] + ("A" if session.session_data[-1] != "A" else "B")
    session.save()
    assert not is_in(logged_in)


def test_logging_in_does_not_keep_the_key_that_the_visitor_came_with(client: Client, owner: User):
    """Whoever planted the key must not be in with it."""
    planted = client.session
    planted["visitor"] = True
    planted.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = planted.session_key or ""
    client.post("/accounts/login/", {"username": "owner", "password": PASSWORD})
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != planted.session_key
    assert is_in(client)


def test_a_session_of_another_account_is_not_this_ones(logged_in: Client, owner: User, stranger: User):
    """The row says whose it is, and so does what it holds, which decides."""
    LogIn.objects.update(user=stranger)
    assert logged_in.get("/chat/").wsgi_request.user == owner


def test_a_request_reads_its_session_and_its_user_with_one_statement(logged_in: Client, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert logged_in.get("/accounts/login/").status_code == 302
