"""/api/tokens/ and /api/tokens/<id>/"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import ApiToken, User
from tests.api.test_every_route import is_problem
from tests.api.test_tokens import status_with

URL = "/api/tokens/"


def create(program: APIClient, **given: Any) -> Any:
    return program.post(URL, {"name": "a program", "scopes": ["read", "chat"], **given}, format="json")


def test_a_token_is_made_and_shown_this_once(program: APIClient, nobody: APIClient, owner: User):
    response = create(program)
    assert response.status_code == 201
    made, row = response.json(), ApiToken.objects.get()
    assert made["token"].startswith(made["hint"])
    assert tokens.find(made["token"]) == row
    assert (row.owner, row.name, row.scopes) == (owner, "a program", ["read", "chat"])
    assert status_with(nobody, made["token"]) == 200
    page = program.get(URL)
    assert made["token"] not in page.text
    assert row.digest not in page.text
    [listed] = page.json()["results"]
    assert listed == {key: value for key, value in made.items() if key != "token"} | {"last_used": listed["last_used"]}
    assert made["last_used"] is None
    assert listed["last_used"] is not None


def test_scopes_are_what_was_asked_for(program: APIClient, nobody: APIClient):
    made = create(program, scopes=["read"]).json()
    assert made["scopes"] == ["read"]
    nobody.credentials(HTTP_AUTHORIZATION=f"Bearer {made['token']}")
    assert is_problem(nobody.post("/api/sessions/", {}, format="json"), 403, "wrong_scope")


@pytest.mark.parametrize(
    ("given", "lifetime"),
    [
        ({}, timedelta(days=90)),
        ({"expires": None}, None),
        ({"expires": "in a week"}, timedelta(days=7)),
    ],
)
def test_it_ends_when_it_was_told_to(program: APIClient, given: dict[str, Any], lifetime: timedelta | None):
    if given.get("expires"):
        given = {"expires": (timezone.now() + timedelta(days=7)).isoformat()}
    told = create(program, **given).json()["expires"]
    kept = ApiToken.objects.get().expires
    if lifetime is None:
        assert told is kept is None
        return
    assert kept is not None
    assert datetime.fromisoformat(told) == kept
    assert abs(kept - timezone.now() - lifetime) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": None}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["admin"]}, "scopes"),
        ({"scopes": ["read", "admin"]}, "scopes"),
        ({"scopes": ["read"] * 3}, "scopes"),
        ({"scopes": "read"}, "scopes"),
        ({"scopes": None}, "scopes"),
        ({"expires": "2020-01-01T00:00:00Z"}, "expires"),
        ({"expires": "tomorrow"}, "expires"),
        ({"expires": 7}, "expires"),
        ({"expires": "9999-12-31T23:59:59-12:00"}, "expires"),
        ({"expires": "0001-01-01T00:00:00+12:00"}, "expires"),
    ],
)
def test_what_cannot_be_used_is_named_and_makes_nothing(program: APIClient, given: dict[str, Any], field: str):
    response = create(program, **given)
    assert is_problem(response, 400, "invalid")
    assert list(response.json()["errors"]) == [field]
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("field", ["name", "scopes"])
def test_a_name_and_scopes_have_to_be_given(program: APIClient, field: str):
    given = {"name": "x", "scopes": ["read"]}
    del given[field]
    assert list(program.post(URL, given, format="json").json()["errors"]) == [field]


def test_nobody_has_more_than_one_may_have(program: APIClient, owner: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "MOST", 1)
    assert create(program).status_code == 201
    response = create(program)
    assert is_problem(response, 409, "too_many_tokens")
    assert response.json()["retryable"] is False
    assert owner.api_tokens.count() == 1


def test_a_revoked_token_is_refused_at_once(program: APIClient, nobody: APIClient):
    made = create(program).json()
    assert program.delete(f"{URL}{made['id']}/").status_code == 204
    assert status_with(nobody, made["token"]) == 401
    assert is_problem(program.delete(f"{URL}{made['id']}/"), 404, "not_found")


def test_the_list_is_in_pages_newest_first_and_has_ones_own_alone(program: APIClient, owner: User, stranger: User):
    for number in range(5):
        tokens.create(owner=owner, name=f"token {number}")
    tokens.create(owner=stranger, name="somebody else's")
    found, address = [], f"{URL}?page_size=2"
    while address:
        page = program.get(address).json()
        found += [one["name"] for one in page["results"]]
        address = page["next"]
    assert found == [f"token {number}" for number in (4, 3, 2, 1, 0)]
