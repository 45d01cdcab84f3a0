"""POST /api/register/"""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts.models import User

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
