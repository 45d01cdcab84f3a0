"""POST /api/register/"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from rest_framework.test import APIClient

from accounts.models import User
from accounts.signup import FIRST_ACCOUNT_LOCK
from tests.support.locks import until_waiting

ACCOUNT = {"username": "ada", "password": "correct horse battery"}
pytestmark = pytest.mark.django_db


def test_an_account_is_made_and_can_get_a_token(nobody: APIClient):
    response = nobody.post("/api/register/", ACCOUNT, format="json")
    user = User.objects.get()
    assert (response.status_code, response.json()) == (201, {"id": user.pk, "username": "ada"})
    assert user.password != ACCOUNT["password"]
    assert nobody.post("/api/token/", ACCOUNT, format="json").status_code == 200


def test_the_first_account_is_the_administrator_and_the_second_is_not(nobody: APIClient):
    nobody.post("/api/register/", ACCOUNT, format="json")
    nobody.post("/api/register/", {**ACCOUNT, "username": "bob"}, format="json")
    found = User.objects.order_by("pk").values_list("username", "is_superuser", "is_staff")
    assert list(found) == [("ada", True, True), ("bob", False, False)]


def test_nobody_can_make_themselves_administrator(nobody: APIClient, owner: User):
    nobody.post("/api/register/", {**ACCOUNT, "is_superuser": True, "is_staff": True}, format="json")
    assert not User.objects.get(username="ada").is_superuser


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"username": "ada"}, "password"),
        ({"password": ACCOUNT["password"]}, "username"),
        ({**ACCOUNT, "password": "short"}, "password"),
        ({**ACCOUNT, "password": "password123"}, "password"),
        ({**ACCOUNT, "password": "ada"}, "password"),
        ({**ACCOUNT, "username": "a b<c>"}, "username"),
        ({**ACCOUNT, "username": "a\x00b"}, "username"),
        ({**ACCOUNT, "username": "x" * 151}, "username"),
        ({**ACCOUNT, "username": "owner"}, "username"),
        ({**ACCOUNT, "username": "OWNER"}, "username"),
        ({**ACCOUNT, "username": "\uff4f\uff57\uff4e\uff45\uff52"}, "username"),  # as wide as Chinese characters
        ({**ACCOUNT, "username": "\ufdfa"}, "username"),  # stands for words with spaces between them
        ({**ACCOUNT, "username": "\ufb03" * 60}, "username"),  # each stands for three letters
        ({**ACCOUNT, "username": 7}, "username"),
        ({**ACCOUNT, "password": "a\x00 horse battery"}, "password"),
        ({**ACCOUNT, "password": "x" * 5000}, "password"),
        ({**ACCOUNT, "password": None}, "password"),
    ],
)
def test_what_cannot_be_used_is_named(nobody: APIClient, owner: User, given: dict[str, Any], field: str):
    response = nobody.post("/api/register/", given, format="json")
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert list(response.json()["errors"]) == [field]
    assert User.objects.count() == 1


def test_a_closed_sign_up_is_refused(nobody: APIClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settings, "ENV", settings.ENV.model_copy(update={"signup": "closed"}))
    response = nobody.post("/api/register/", ACCOUNT, format="json")
    assert (response.status_code, response.json()["code"]) == (403, "signup_closed")
    assert "administrator" in response.json()["detail"]
    assert not User.objects.exists()


def test_a_name_is_kept_and_found_however_its_characters_were_written(nobody: APIClient):
    wide = {**ACCOUNT, "username": "\uff41da"}
    assert nobody.post("/api/register/", wide, format="json").json()["username"] == "ada"
    for given in (ACCOUNT, wide):
        assert nobody.post("/api/token/", given, format="json").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_names_that_differ_in_capitals_alone_one_is_taken_at_once():
    def make(username: str) -> int:
        try:
            return APIClient().post("/api/register/", {**ACCOUNT, "username": username}, format="json").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FIRST_ACCOUNT_LOCK])
            made = [threads.submit(make, name) for name in ("ada", "Ada")]
            until_waiting(2)
        assert sorted(one.result() for one in made) == [201, 400]
    assert User.objects.count() == 1
