"""/api/account/ and what is under it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import LogIn, User
from chat import presets
from chat.database import in_thread
from chat.models import ChatSession, Interaction
from tests.api.test_every_route import is_problem
from tests.api.test_tokens import log_in, refresh, status_with
from tests.conftest import PASSWORD
from tests.support.answers import make_answered, make_interaction
from tests.support.site_server import SiteServer

URL = "/api/account/"
NEW_PASSWORD = "another horse battery"


def patch(program: APIClient, changes: dict[str, Any], **headers: str) -> Any:
    return program.patch(URL, changes, format="json", headers=headers)


def test_it_has_what_the_settings_pages_show(program: APIClient, owner: User):
    presets.change_defaults(user=owner, system_prompt="Be brief.", parameters={"temperature": 0.2})
    assert program.get(URL).json() == {
        "id": owner.pk,
        "username": "owner",
        "date_joined": owner.date_joined.isoformat().replace("+00:00", "Z"),
        "is_administrator": False,
        "theme": "system",
        "language": "",
        "enter_sends": True,
        "system_prompt": "Be brief.",
        "parameters": {"temperature": 0.2},
    }
    User.objects.update(is_superuser=True)
    assert program.get(URL).json()["is_administrator"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"theme": "dark"},
        {"language": "de"},
        {"language": ""},
        {"enter_sends": False},
        {"system_prompt": "  Be brief.\n"},
        {"parameters": {"temperature": 0.2, "stop": ["\n"]}},
        {"theme": "light", "language": "ar", "enter_sends": False, "system_prompt": "x", "parameters": {}},
        {},
    ],
)
def test_what_is_given_is_changed_and_the_rest_stays(program: APIClient, owner: User, changes: dict[str, Any]):
    User.objects.update(theme="light", language="ar", system_prompt="Before", parameters={"top_p": 0.5})
    before = program.get(URL).json()
    response = patch(program, changes)
    assert (response.status_code, response.json()) == (200, before | changes)
    assert program.get(URL).json() == before | changes


def test_new_sessions_begin_with_what_was_chosen(program: APIClient, owner: User):
    there = make_interaction(owner).session
    patch(program, {"system_prompt": "Be brief.", "parameters": {"temperature": 0.2}})
    made = program.post("/api/sessions/", {}, format="json").json()
    assert (made["system_prompt"], made["parameters"]) == ("Be brief.", {"temperature": 0.2})
    there.refresh_from_db()
    assert (there.system_prompt, there.parameters) == ("", {})


def test_what_is_chosen_holds_on_the_pages(program: APIClient, client: Client, owner: User):
    client.force_login(owner)
    patch(program, {"language": "de", "theme": "dark"})
    client.get("/settings/")  # brings the browser's cookies in line
    page = client.get("/settings/").text
    assert '<html lang="de"' in page
    assert 'data-theme="dark"' in page


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"theme": "pink"}, "theme"),
        ({"theme": None}, "theme"),
        ({"language": "tlh"}, "language"),
        ({"enter_sends": "yes"}, "enter_sends"),
        ({"enter_sends": None}, "enter_sends"),
        ({"system_prompt": "x" * 20_001}, "system_prompt"),
        ({"system_prompt": "a\x00b"}, "system_prompt"),
        ({"parameters": {"temperature": 3}}, "parameters"),
        ({"parameters": {"speed": 1}}, "parameters"),
        ({"parameters": []}, "parameters"),
    ],
)
def test_what_cannot_be_used_changes_nothing(program: APIClient, owner: User, changes: dict[str, Any], field: str):
    before = program.get(URL).json()
    response = patch(program, {"enter_sends": False, **changes})
    assert is_problem(response, 400, "invalid")
    assert list(response.json()["errors"]) == [field]
    assert program.get(URL).json() == before


def test_nobody_makes_themselves_somebody_else(program: APIClient, owner: User):
    before = program.get(URL).json()
    patch(program, {"is_administrator": True, "is_superuser": True, "is_staff": True, "username": "root", "id": 7})
    assert program.get(URL).json() == before


def test_who_has_not_read_the_last_change_changes_nothing(program: APIClient, owner: User):
    etag = program.get(URL)["ETag"]
    assert program.get(URL, headers={"If-None-Match": etag}).status_code == 304
    first = patch(program, {"theme": "dark"}, **{"If-Match": etag})
    assert first.status_code == 200
    assert first["ETag"] == program.get(URL)["ETag"] != etag
    late = patch(program, {"theme": "light"}, **{"If-Match": etag})
    assert is_problem(late, 412, "precondition_failed")
    assert late["ETag"] == first["ETag"]
    assert program.get(URL).json()["theme"] == "dark"
    assert patch(program, {"theme": "light"}, **{"If-Match": late["ETag"]}).status_code == 200


def test_a_personal_token_reads_it_and_changes_it_if_it_may_write(nobody: APIClient, owner: User):
    for scope, status in (("read", 403), ("chat", 200)):
        nobody.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.create(owner=owner, name='x', scopes=[scope])[1]}")
        assert nobody.get(URL).status_code == 200
        assert patch(nobody, {"theme": "dark"}).status_code == status


# The password


def change(program: APIClient, current: str = PASSWORD, new: str = NEW_PASSWORD) -> Any:
    given = {"current_password": current, "new_password": new}
    return program.post("/api/account/password/", given, format="json")


def test_a_new_password_ends_all_that_was_good_before_and_gives_tokens_to_go_on_with(
    program: APIClient, nobody: APIClient, client: Client, owner: User
):
    client.force_login(owner)
    other = log_in(nobody)
    _, personal = tokens.create(owner=owner, name="stays")
    response = change(program)
    assert response.status_code == 200
    owner.refresh_from_db()
    assert owner.check_password(NEW_PASSWORD)
    assert not LogIn.objects.filter(user=owner).exists()
    assert client.get("/chat/").status_code == 302
    assert program.get(URL).status_code == 401
    assert (status_with(nobody, other["access"]), refresh(nobody, other["refresh"]).status_code) == (401, 401)
    made = response.json()
    assert (status_with(nobody, made["access"]), refresh(nobody, made["refresh"]).status_code) == (200, 200)
    assert status_with(nobody, personal) == 200


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong", NEW_PASSWORD, "current_password"),
        ("", NEW_PASSWORD, "current_password"),
        ("x" * 5000, NEW_PASSWORD, "current_password"),
        ("a\x00b", NEW_PASSWORD, "current_password"),
        (PASSWORD, "short", "new_password"),
        (PASSWORD, "password123", "new_password"),
        (PASSWORD, "owner", "new_password"),
        (PASSWORD, "a\x00 horse battery", "new_password"),
        (PASSWORD, "x" * 5000, "new_password"),
    ],
)
def test_a_password_that_cannot_be_used_changes_nothing(
    program: APIClient, owner: User, current: str, new: str, field: str
):
    response = change(program, current, new)
    assert is_problem(response, 400, "invalid")
    assert list(response.json()["errors"]) == [field]
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)
    assert program.get(URL).status_code == 200


def test_no_password_is_in_an_answer(program: APIClient, owner: User):
    for response in (change(program, "a wrong secret", "another secret"), change(program)):
        assert "secret" not in response.text
        assert NEW_PASSWORD not in response.text


# Passwords cannot be guessed


@pytest.fixture
def few_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(settings, "ENV", settings.ENV.model_copy(update={"wrong_passwords": 3}))


def guess_by_changing(program: APIClient, password: str) -> Any:
    return change(program, password)


def guess_by_deleting(program: APIClient, password: str) -> Any:
    return program.post("/api/account/delete/", {"password": password}, format="json")


@pytest.mark.parametrize("guess", [guess_by_changing, guess_by_deleting])
def test_who_got_at_a_token_cannot_find_out_the_password_with_it(
    few_guesses: None, program: APIClient, owner: User, guess: Callable[[APIClient, str], Any]
):
    for _ in range(3):
        assert guess(program, "wrong").status_code == 400
    refused = guess(program, PASSWORD)
    assert is_problem(refused, 429, refused.json()["code"])
    assert refused.json()["retryable"] is True
    assert int(refused["Retry-After"]) > 0
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)


# The end


def delete(program: APIClient, password: str = PASSWORD) -> Any:
    return program.post("/api/account/delete/", {"password": password}, format="json")


def test_the_password_deletes_the_account_and_all_that_is_its_owners(
    program: APIClient, owner: User, stranger: User, nobody: APIClient
):
    make_interaction(owner)
    kept = make_interaction(stranger)
    assert delete(program).status_code == 204
    assert list(User.objects.all()) == [stranger]
    assert list(Interaction.objects.all()) == [kept]
    assert list(ChatSession.objects.all()) == [kept.session]
    assert program.get(URL).status_code == 401


@pytest.mark.parametrize("body", [{"password": "wrong"}, {"password": ""}, {}, {"password": None}])
def test_without_the_password_nothing_goes(program: APIClient, owner: User, body: dict[str, Any]):
    response = program.post("/api/account/delete/", body, format="json")
    assert is_problem(response, 400, "invalid")
    assert list(response.json()["errors"]) == ["password"]
    assert User.objects.filter(pk=owner.pk).exists()


def test_the_only_administrator_of_others_stays(program: APIClient, owner: User, stranger: User):
    User.objects.filter(pk=owner.pk).update(is_superuser=True)
    response = delete(program)
    assert is_problem(response, 409, "last_administrator")
    assert "Make somebody else an administrator" in response.json()["detail"]
    assert User.objects.count() == 2
    User.objects.filter(pk=stranger.pk).update(is_superuser=True)
    assert delete(program).status_code == 204


# One's data


async def test_the_data_are_one_file_with_everything(site: SiteServer, owner: User, stranger: User):
    for user in (owner, stranger):
        await in_thread(make_answered, user, f"{user.username} asks")
    async with site.program(owner) as program, program.get("/api/account/data/") as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "application/zip")
        assert response.headers["Content-Disposition"].startswith('attachment; filename="parley-')
        archive = zipfile.ZipFile(io.BytesIO(await response.read()))
    assert archive.testzip() is None
    assert json.loads(archive.read("account.json"))["username"] == "owner"
    (chat,) = json.loads(archive.read("conversations.json"))["sessions"]
    assert [one["query_text"] for one in chat["interactions"]] == ["owner asks"]
    assert not [name for name in archive.namelist() if b"stranger" in archive.read(name)]


async def test_a_personal_token_does_not_take_the_data_along(site: SiteServer, owner: User):
    _, token = await in_thread(tokens.create, owner=owner, name="x")
    headers = {"Authorization": f"Bearer {token}"}
    async with site.browser() as program, program.get("/api/account/data/", headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (403, "access_token_required")
