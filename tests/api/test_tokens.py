"""Access and refresh tokens."""

from __future__ import annotations

from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.urls import reverse
from rest_framework.test import APIClient
from rest_framework_simplejwt.utils import aware_utcnow

from accounts.jwts import AccessToken, RefreshToken
from accounts.models import User
from tests.api.test_every_route import is_problem
from tests.conftest import PASSWORD


def log_in(client: APIClient, username: str = "owner") -> dict[str, str]:
    response = client.post("/api/token/", {"username": username, "password": PASSWORD}, format="json")
    assert response.status_code == 200
    found: dict[str, str] = response.json()
    return found


def refresh(client: APIClient, token: str):
    return client.post("/api/token/refresh/", {"refresh": token}, format="json")


def status_with(client: APIClient, token: str) -> int:
    return client.get("/api/sessions/", headers={"Authorization": f"Bearer {token}"}).status_code


def test_name_and_password_give_a_token_that_works(nobody: APIClient, owner: User):
    assert status_with(nobody, log_in(nobody)["access"]) == 200


@pytest.mark.parametrize(
    "given", [{"username": "owner", "password": "wrong"}, {"username": "nobody", "password": PASSWORD}]
)
def test_a_wrong_name_and_a_wrong_password_look_the_same(nobody: APIClient, owner: User, given: dict[str, str]):
    response = nobody.post("/api/token/", given, format="json")
    assert (response.status_code, response.json()["code"]) == (401, "no_active_account")
    assert "Check both" in response.json()["detail"]
    assert response["Content-Type"] == "application/problem+json"


def test_refreshing_gives_a_new_pair_and_ends_the_old_refresh_token(nobody: APIClient, owner: User):
    old = log_in(nobody)["refresh"]
    response = refresh(nobody, old)
    assert response.status_code == 200
    assert status_with(nobody, response.json()["access"]) == 200
    again = refresh(nobody, old)
    assert (again.status_code, again.json()["code"]) == (401, "token_not_valid")
    assert refresh(nobody, response.json()["refresh"]).status_code == 200


def test_a_blacklisted_refresh_token_is_no_use(nobody: APIClient, owner: User):
    token = log_in(nobody)["refresh"]
    assert nobody.post("/api/token/blacklist/", {"refresh": token}, format="json").status_code == 200
    assert refresh(nobody, token).status_code == 401


def test_an_expired_token_is_refused_and_says_what_to_do(nobody: APIClient, owner: User):
    token = AccessToken.for_user(owner)
    token.set_exp(lifetime=timedelta(seconds=-1))
    response = nobody.get("/api/sessions/", headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["code"]) == (401, "token_not_valid")
    assert "/api/token/refresh/" in response.json()["detail"]


def test_an_expired_refresh_token_is_refused(nobody: APIClient, owner: User):
    token = RefreshToken.for_user(owner)
    token.set_exp(lifetime=timedelta(seconds=-1))
    assert refresh(nobody, str(token)).status_code == 401


def test_a_refresh_token_is_no_access_token(nobody: APIClient, owner: User):
    assert status_with(nobody, log_in(nobody)["refresh"]) == 401


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "", "é"])
def test_nonsense_is_no_token(nobody: APIClient, owner: User, token: str):
    assert status_with(nobody, token) == 401


def test_tokens_are_not_signed_with_the_secret_key_itself(nobody: APIClient, owner: User):
    token = log_in(nobody)["access"]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, settings.SECRET_KEY, algorithms=["HS256"])


def test_the_token_of_a_deactivated_or_deleted_user_is_refused(nobody: APIClient, owner: User):
    pair = log_in(nobody)
    User.objects.update(is_active=False)
    assert (status_with(nobody, pair["access"]), refresh(nobody, pair["refresh"]).status_code) == (401, 401)
    owner.delete()
    assert (status_with(nobody, pair["access"]), refresh(nobody, pair["refresh"]).status_code) == (401, 401)


def test_a_token_that_was_good_a_moment_ago_is_looked_at_again(program: APIClient, monkeypatch: pytest.MonkeyPatch):
    url = reverse("process_chat_message")
    assert program.post(url, {}, format="json").status_code == 503  # a good token; no process answers here
    later = aware_utcnow() + timedelta(minutes=15, seconds=1)
    monkeypatch.setattr("api.asynchronous.aware_utcnow", lambda: later)
    assert is_problem(program.post(url, {}, format="json"), 401, "token_not_valid")
