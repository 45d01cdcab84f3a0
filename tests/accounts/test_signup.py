"""/accounts/signup/"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from accounts.models import User
from accounts.signup import FIRST_ACCOUNT_LOCK
from tests.support.locks import until_waiting

URL = "/accounts/signup/"
PASSWORD = "correct horse battery"
pytestmark = pytest.mark.django_db


def form(username: str = "ada", password: str = PASSWORD, again: str | None = None) -> dict[str, str]:
    return {"username": username, "password1": password, "password2": password if again is None else again}


def test_the_page_has_the_form(client: Client):
    response = client.get(URL)
    assert response.status_code == 200
    for field in ("username", "password1", "password2", "csrfmiddlewaretoken"):
        assert f'name="{field}"' in response.text


def test_signing_up_logs_in(client: Client):
    response = client.post(URL, form())
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/chat/").status_code == 200
    user = User.objects.get()
    assert user.check_password(PASSWORD)


def test_the_first_account_is_the_administrator_and_the_second_is_not():
    for username in ("ada", "bob"):
        Client().post(URL, form(username))
    found = User.objects.order_by("pk").values_list("username", "is_superuser", "is_staff")
    assert list(found) == [("ada", True, True), ("bob", False, False)]


@pytest.mark.django_db(transaction=True)
def test_of_two_first_accounts_made_at_once_one_is_the_administrator():
    assert at_once(form("ada"), form("bob")) == [302, 302]
    assert sorted(User.objects.values_list("is_superuser", flat=True)) == [False, True]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_the_same_name_at_once_one_is_told_so():
    assert sorted(at_once(form("ada"), form("ada"))) == [200, 302]
    assert User.objects.count() == 1


def at_once(*forms: dict[str, str]) -> list[int]:
    """Post the forms from threads that all have come to the lock before one may pass; gives the statuses."""
    with ThreadPoolExecutor(len(forms)) as threads:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FIRST_ACCOUNT_LOCK])
            posts = [threads.submit(post_in_thread, one) for one in forms]
            until_waiting(len(forms))
        return [post.result(timeout=10) for post in posts]


def post_in_thread(given: dict[str, str]) -> int:
    try:
        return Client().post(URL, given).status_code
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (form(password="short"), "too short"),
        (form(password="password123"), "too common"),
        (form("adalovelace", password="adalovelace"), "too similar"),
        (form(again="another"), "match"),
        (form(""), "required"),
        (form("a b<script>"), "valid username"),
        (form("a\x00b"), "Null characters"),
        (form("x" * 151), "150"),
        (form("owner"), "already exists"),
    ],
)
def test_what_cannot_be_used_is_told_beside_the_field(client: Client, owner: User, given: dict[str, str], says: str):
    response = client.post(URL, given)
    assert response.status_code == 200
    assert says in response.text
    assert "<script>" not in response.text.replace("<script src", "")
    assert User.objects.count() == 1


def test_a_closed_sign_up_says_so_and_makes_nothing(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settings, "ENV", settings.ENV.model_copy(update={"signup": "closed"}))
    for response in (client.get(URL), client.post(URL, form())):
        assert response.status_code == 403
        assert "administrator" in response.text
    assert not User.objects.exists()
    assert URL not in client.get("/accounts/login/").text


def test_who_is_logged_in_needs_no_account(client: Client, owner: User):
    client.force_login(owner)
    for response in (client.get(URL), client.post(URL, form())):
        assert (response.status_code, response["Location"]) == (302, "/")
    assert User.objects.count() == 1


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_another_method_is_refused(client: Client, method: str):
    assert client.generic(method, URL).status_code == 405


def test_a_form_from_another_site_is_refused():
    response = Client(enforce_csrf_checks=True).post(URL, form())
    assert response.status_code == 403
    assert not User.objects.exists()
