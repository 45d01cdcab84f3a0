"""Access and refresh tokens that were good and are no more: at once, whichever way it came about."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import jwts, log_ins, tokens
from accounts.models import User
from chat.database import in_thread
from tests.api.conftest import program_of
from tests.api.test_every_route import is_problem
from tests.api.test_tokens import log_in, refresh, status_with
from tests.conftest import PASSWORD
from tests.support.site_server import SiteServer, site_server
from tests.support.stub_tgi import StubTgi
from tests.support.waiting import until

NEW_PASSWORD = "another horse battery"


def as_claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def change_on_the_page(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert browser_of(owner).post("/settings/account/", form).status_code == 303


def put_out_everywhere_on_the_page(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert browser_of(owner).post("/settings/log-ins/").status_code == 303


def change_over_rest(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert program_of(owner).post("/api/account/password/", body, format="json").status_code == 200


def put_out_everywhere_over_rest(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert program_of(owner).post("/api/log-ins/end-all/").status_code == 204


def change_in_the_administration(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = User.objects.create_superuser("admin", password=PASSWORD)
    form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    assert browser_of(admin).post(f"/admin/accounts/user/{owner.pk}/password/", form).status_code == 302


def take_the_password_away_in_the_administration(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = User.objects.create_superuser("admin", password=PASSWORD)
    form = {"usable_password": "false", "unset-password": "1"}
    assert browser_of(admin).post(f"/admin/accounts/user/{owner.pk}/password/", form).status_code == 302
    owner.refresh_from_db()
    assert not owner.has_usable_password()


def change_with_the_command(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: NEW_PASSWORD)
    call_command("changepassword", "owner", verbosity=0)


def change_with_a_statement(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.filter(pk=owner.pk).update(password=make_password(NEW_PASSWORD))


def deactivate_in_the_administration(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = User.objects.create_superuser("admin", password=PASSWORD)
    joined = timezone.localtime(owner.date_joined)
    form = {"username": "owner", "date_joined_0": f"{joined:%Y-%m-%d}", "date_joined_1": f"{joined:%H:%M:%S}"}
    form |= {"theme": "system", "language": "", "parameters": "{}"}
    assert browser_of(admin).post(f"/admin/accounts/user/{owner.pk}/change/", form).status_code == 302
    owner.refresh_from_db()
    assert not owner.is_active


def deactivate_with_a_statement(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)


def delete_the_account(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.delete()


def revoke(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    jwts.revoke_jwts(user=owner)


WAYS = [
    change_on_the_page,
    put_out_everywhere_on_the_page,
    change_over_rest,
    put_out_everywhere_over_rest,
    change_in_the_administration,
    take_the_password_away_in_the_administration,
    change_with_the_command,
    change_with_a_statement,
    deactivate_in_the_administration,
    deactivate_with_a_statement,
    delete_the_account,
    revoke,
]


@pytest.mark.parametrize("happens", WAYS)
def test_whatever_ends_tokens_ends_both_kinds_at_once(
    happens: Callable[[User, pytest.MonkeyPatch], None],
    nobody: APIClient,
    owner: User,
    stranger: User,
    monkeypatch: pytest.MonkeyPatch,
):
    pair = log_in(nobody)
    another = log_in(nobody, "stranger")
    assert status_with(nobody, pair["access"]) == 200
    happens(owner, monkeypatch)
    assert (status_with(nobody, pair["access"]), refresh(nobody, pair["refresh"]).status_code) == (401, 401)
    assert (status_with(nobody, another["access"]), refresh(nobody, another["refresh"]).status_code) == (200, 200)


@pytest.mark.parametrize("happens", [change_on_the_page, put_out_everywhere_on_the_page])
async def test_the_statement_that_accepts_a_question_looks_at_it_too(
    happens: Callable[[User, pytest.MonkeyPatch], None],
    site: SiteServer,
    owner: User,
    monkeypatch: pytest.MonkeyPatch,
):
    async with site.program(owner) as client:
        async with client.post("/api/chat/", json={"message": "Hi"}) as response:
            assert response.status == 200
        await in_thread(happens, owner, monkeypatch)
        for stream in (False, True):
            async with client.post("/api/chat/", json={"message": "Hi", "stream": stream}) as response:
                assert response.status == 401
                assert "log in again" in (await response.json(content_type=None))["detail"]


def test_a_revoked_token_is_told_from_none_and_the_client_what_to_do(nobody: APIClient, owner: User):
    pair = log_in(nobody)
    jwts.revoke_jwts(user=owner)
    headers = {"Authorization": f"Bearer {pair['access']}"}
    answer = nobody.get("/api/sessions/", headers=headers)
    assert is_problem(answer, 401, "token_not_valid")
    assert "log in again" in answer.json()["detail"]
    assert is_problem(refresh(nobody, pair["refresh"]), 401, "token_not_valid")


def test_a_new_log_in_works_after_all_were_ended(nobody: APIClient, owner: User):
    jwts.revoke_jwts(user=owner)
    pair = log_in(nobody)
    assert status_with(nobody, pair["access"]) == 200
    assert refresh(nobody, pair["refresh"]).status_code == 200


def test_logging_in_works_when_that_hashes_the_password_anew(nobody: APIClient, owner: User, settings: Any):
    settings.PASSWORD_HASHERS = [*settings.PASSWORD_HASHERS, "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher"]
    User.objects.update(password=make_password(PASSWORD, hasher="pbkdf2_sha1"))
    assert status_with(nobody, log_in(nobody)["access"]) == 200


def test_an_account_that_is_activated_again_does_not_bring_its_tokens_back(nobody: APIClient, owner: User):
    pair = log_in(nobody)
    User.objects.update(is_active=False)
    User.objects.update(is_active=True)
    assert (status_with(nobody, pair["access"]), refresh(nobody, pair["refresh"]).status_code) == (401, 401)


def test_saving_an_account_as_it_was_loaded_before_does_not_bring_its_tokens_back(nobody: APIClient, owner: User):
    pair = log_in(nobody)
    jwts.revoke_jwts(user=owner)
    owner.save()  # its generation is the one from before
    assert status_with(nobody, pair["access"]) == 401


def test_other_changes_of_the_account_end_nothing(nobody: APIClient, owner: User):
    pair = log_in(nobody)
    User.objects.update(username="renamed", theme="dark", last_login=timezone.now())
    assert (status_with(nobody, pair["access"]), refresh(nobody, pair["refresh"]).status_code) == (200, 200)


def test_ending_one_log_in_of_a_browser_ends_no_program(nobody: APIClient, owner: User):
    pair = log_in(nobody)
    client = browser_of(owner)
    [known] = log_ins.known(user=owner, current=None)
    assert client.post("/settings/log-ins/", {"id": known.id}).status_code == 303
    assert browser_of(owner).post("/accounts/logout/").status_code == 302
    assert (status_with(nobody, pair["access"]), refresh(nobody, pair["refresh"]).status_code) == (200, 200)


def test_personal_tokens_outlive_a_new_password(nobody: APIClient, owner: User, monkeypatch: pytest.MonkeyPatch):
    _, personal = tokens.create(owner=owner, name="A program")
    change_on_the_page(owner, monkeypatch)
    assert status_with(nobody, personal) == 200


def test_tokens_from_before_there_were_generations_are_good_until_they_are_revoked(nobody: APIClient, owner: User):
    token = jwts.AccessToken.for_user(owner)
    del token.payload[jwts.GENERATION]
    assert status_with(nobody, str(token)) == 200
    jwts.revoke_jwts(user=owner)
    assert status_with(nobody, str(token)) == 401


# Refresh tokens work once


def used_before(pair: dict[str, str], ago: timedelta) -> None:
    jti = as_claims(pair["refresh"])["jti"]
    row = BlacklistedToken.objects.get(token__jti=jti)
    BlacklistedToken.objects.filter(pk=row.pk).update(blacklisted_at=timezone.now() - ago)


def test_a_refresh_token_that_is_used_again_ends_what_was_made_of_it(nobody: APIClient, owner: User, stranger: User):
    stolen = log_in(nobody)
    other = log_in(nobody, "stranger")
    thiefs = refresh(nobody, stolen["refresh"]).json()
    used_before(stolen, jwts.LEEWAY * 2)
    assert refresh(nobody, stolen["refresh"]).status_code == 401
    assert (status_with(nobody, thiefs["access"]), refresh(nobody, thiefs["refresh"]).status_code) == (401, 401)
    assert status_with(nobody, other["access"]) == 200


def test_it_does_so_once_only(nobody: APIClient, owner: User):
    stolen = log_in(nobody)
    refresh(nobody, stolen["refresh"])
    used_before(stolen, jwts.LEEWAY * 2)
    assert refresh(nobody, stolen["refresh"]).status_code == 401
    again = log_in(nobody)
    assert refresh(nobody, stolen["refresh"]).status_code == 401
    assert status_with(nobody, again["access"]) == 200


def test_one_that_is_used_twice_within_moments_is_refused_and_ends_nothing(nobody: APIClient, owner: User):
    pair = log_in(nobody)
    new = refresh(nobody, pair["refresh"]).json()
    assert refresh(nobody, pair["refresh"]).status_code == 401
    assert (status_with(nobody, new["access"]), refresh(nobody, new["refresh"]).status_code) == (200, 200)


@pytest.mark.django_db(transaction=True)
def test_of_many_that_refresh_with_one_token_at_once_one_wins(owner: User):
    pair = log_in(APIClient())
    together = Barrier(6)

    def one(_: int) -> int:
        try:
            together.wait()
            status: int = refresh(APIClient(), pair["refresh"]).status_code
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        found = sorted(threads.map(one, range(6)))
    assert found == [200, 401, 401, 401, 401, 401]
    assert OutstandingToken.objects.count() == 2


def test_a_refresh_that_comes_while_all_are_revoked_gives_nothing_good(nobody: APIClient, owner: User):
    token = jwts.RefreshToken.for_user(owner)
    jwts.revoke_jwts(user=owner)  # after the token was looked at, before the new pair was made
    assert status_with(nobody, str(token.access_token)) == 401


# What is kept


def test_no_refresh_token_is_kept_as_it_is(nobody: APIClient, owner: User):
    pair = log_in(nobody)
    refresh(nobody, pair["refresh"])
    assert [one.token for one in OutstandingToken.objects.all()] == ["", ""]


def test_refresh_tokens_that_have_expired_are_deleted_others_are_kept(nobody: APIClient, owner: User):
    over, good = log_in(nobody), log_in(nobody)
    for pair in (over, good):
        assert refresh(nobody, pair["refresh"]).status_code == 200
    jti = as_claims(over["refresh"])["jti"]
    OutstandingToken.objects.filter(jti=jti).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert (jwts.flush_expired(), jwts.flush_expired()) == (1, 0)
    assert (OutstandingToken.objects.count(), BlacklistedToken.objects.count()) == (3, 1)
    assert refresh(nobody, good["refresh"]).status_code == 401


async def test_a_running_site_deletes_them_by_itself(
    transactional_db: None, owner: User, stub: StubTgi, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jwts, "MOST_FLUSHED", 2)
    for number in range(5):
        await in_thread(OutstandingToken.objects.create, user=owner, jti=str(number), expires_at=timezone.now())

    async def are_gone() -> bool:
        return not await in_thread(OutstandingToken.objects.exists)

    async with site_server(stub.url):
        await until(are_gone, timeout_s=5)


def test_looking_at_a_token_costs_one_statement(nobody: APIClient, owner: User):
    token = log_in(nobody)["access"]
    with CaptureQueriesContext(connection) as asked:
        assert status_with(nobody, token) == 200
    assert sum("accounts_user" in one["sql"] for one in asked) == 1


def test_a_token_says_nothing_about_the_password(nobody: APIClient, owner: User):
    claims = as_claims(log_in(nobody)["access"])
    assert set(claims) == {"token_type", "exp", "iat", "jti", "user_id", jwts.GENERATION}
