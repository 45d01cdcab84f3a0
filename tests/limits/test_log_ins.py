"""Guessing passwords: it is bounded from everywhere, and locks nobody out of what they use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from limits import attempts
from limits.attempts import Guess
from limits.models import Attempt
from limits.refusals import LimitReached
from tests.conftest import PASSWORD
from tests.limits.conftest import Limit, let_pass

LOG_IN = "/accounts/login/"
WRONG = "not the password"
HERE, ELSEWHERE = "127.0.0.1", "203.0.113.7"


@pytest.fixture(autouse=True)
def tight(limit: Limit) -> None:
    limit(wrong_passwords=3, wrong_passwords_per_address=1000, wrong_passwords_per_account=1000)


def try_page(client: Client, password: str = WRONG, username: str = "owner", address: str = HERE) -> Any:
    return client.post(LOG_IN, {"username": username, "password": password}, REMOTE_ADDR=address)


def try_program(password: str = WRONG, username: str = "owner", address: str = HERE) -> Any:
    body = {"username": username, "password": password}
    return APIClient().post("/api/token/", body, format="json", REMOTE_ADDR=address)


def guess(times: int, username: str = "owner", address: str = HERE) -> None:
    for _ in range(times):
        assert try_page(Client(), username=username, address=address).status_code == 200


def test_after_a_few_wrong_passwords_one_has_to_wait_and_is_told_how_long(owner: User):
    guess(3)
    page = try_page(Client(), PASSWORD)
    assert page.status_code == 429
    assert 28 <= int(page["Retry-After"]) <= 30
    assert "Too many log-ins have failed. Try again in " in page.content.decode()
    assert 'value="owner"' in page.content.decode(), "the name need not be typed again"
    let_pass(seconds=31)
    assert try_page(Client(), PASSWORD).status_code == 302


def test_the_page_says_so_in_the_readers_language(owner: User):
    guess(3)
    for language, said in {"de": "Zu viele Anmeldungen", "zh-hans": "登录失败次数过多", "ar": "فشلت محاولات"}.items():
        page = Client(headers={"Accept-Language": language}).post(LOG_IN, {"username": "owner", "password": "x"})
        assert (page.status_code, said in page.content.decode()) == (429, True)


def test_a_program_is_told_in_json_and_shares_the_count(owner: User):
    guess(3)
    answer = try_program(PASSWORD)
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (429, "throttled", True)
    assert 28 <= int(answer["Retry-After"]) <= 30
    let_pass(seconds=31)
    assert try_program(PASSWORD).status_code == 200


def test_each_further_wrong_password_doubles_the_wait_up_to_an_hour(owner: User):
    guess(3)
    waits = []
    for _ in range(9):
        waits.append(int(try_page(Client())["Retry-After"]))
        let_pass(seconds=waits[-1] + 1)
        guess(1)
    assert [round(wait / 30) for wait in waits] == [1, 2, 4, 8, 16, 32, 64, 120, 120]


def test_asking_again_and_again_does_not_make_the_wait_longer(owner: User):
    guess(3)
    for _ in range(20):
        assert int(try_page(Client())["Retry-After"]) <= 30


def test_the_right_password_clears_what_was_wrong_before(owner: User):
    for _ in range(4):
        guess(2)
        assert try_page(Client(), PASSWORD).status_code == 302


def test_wrong_passwords_are_forgotten_after_a_day(owner: User):
    guess(3)
    let_pass(hours=25)
    guess(3)


def test_a_name_that_nobody_has_is_answered_the_same(owner: User):
    guess(3)
    guess(3, username="nobody")
    pages = [try_page(Client(), username=name) for name in ("owner", "nobody")]
    assert [page.status_code for page in pages] == [429, 429]
    told = [attempts_text(page, name) for page, name in zip(pages, ("owner", "nobody"), strict=True)]
    assert told[0] == told[1]


def attempts_text(page: Any, name: str) -> str:
    text: str = page.content.decode().replace(name, "…")
    return text[text.index('class="field-error"') :].split("seconds", maxsplit=1)[0][:60]


def test_guesses_from_elsewhere_lock_nobody_out_at_home(owner: User):
    guess(3, address=ELSEWHERE)
    assert try_page(Client(), PASSWORD, address=ELSEWHERE).status_code == 429
    assert try_page(Client(), PASSWORD).status_code == 302


def test_many_addresses_have_one_bound_together_and_the_known_ones_none(owner: User, limit: Limit):
    limit(wrong_passwords_per_account=6)
    browser = Client()
    assert try_page(browser, PASSWORD).status_code == 302
    browser.post("/accounts/logout/")
    for number in range(6):
        guess(1, address=f"198.51.100.{number}")
    assert try_page(Client(), address="198.51.100.99").status_code == 429
    assert try_page(Client(), PASSWORD, address="198.51.100.99").status_code == 429
    assert try_page(Client(), PASSWORD).status_code == 302, "an address from which it was logged in"
    assert try_program(PASSWORD).status_code == 200, "a program there"
    assert try_page(browser, PASSWORD, address="192.0.2.50").status_code == 302, "a browser in which it was"
    assert try_page(Client(), PASSWORD, username="stranger", address="198.51.100.99").status_code == 200, "another name"


def test_an_address_has_a_bound_over_all_names(owner: User, stranger: User, limit: Limit):
    limit(wrong_passwords_per_address=5)
    browser = Client()
    assert try_page(browser, PASSWORD).status_code == 302
    browser.post("/accounts/logout/")
    for number in range(5):
        guess(1, username=f"name{number}")
    assert try_page(Client(), PASSWORD, username="stranger").status_code == 429
    assert try_page(Client(), PASSWORD, username="stranger", address=ELSEWHERE).status_code == 302
    assert try_page(browser, PASSWORD).status_code == 302, "a colleague's browser behind the same address"


def test_what_others_get_wrong_is_not_given_back_by_logging_in_oneself(owner: User, stranger: User, limit: Limit):
    limit(wrong_passwords_per_address=5)
    for number in range(4):
        guess(1, username=f"name{number}")
        assert try_page(Client(), PASSWORD, username="stranger").status_code == 302
    guess(1, username="another")
    assert try_page(Client(), username="last").status_code == 429


def test_log_ins_a_minute_are_bounded_right_or_wrong(owner: User, limit: Limit):
    limit(logins_per_minute=4)
    for _ in range(4):
        assert try_page(Client(), PASSWORD).status_code == 302
    refused = try_page(Client(), PASSWORD)
    assert (refused.status_code, refused["Retry-After"]) == (429, "15")


def test_a_known_browser_may_not_guess_without_end_either(owner: User):
    browser = Client()
    assert try_page(browser, PASSWORD).status_code == 302
    browser.post("/accounts/logout/")
    for _ in range(3):
        assert try_page(browser).status_code == 200
    assert try_page(browser, PASSWORD).status_code == 429
    assert try_page(Client(), PASSWORD).status_code == 302, "which is no worse for the account elsewhere"


def test_the_cookie_of_one_account_is_none_for_another_and_cannot_be_made(owner: User, stranger: User, limit: Limit):
    limit(wrong_passwords_per_account=2)
    browser = Client()
    assert try_page(browser, PASSWORD).status_code == 302
    cookie = browser.cookies["device"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (LOG_IN, True, "Lax")
    browser.post("/accounts/logout/")
    for name in ("owner", "stranger"):
        for number in range(2):
            guess(1, username=name, address=f"198.51.100.{number}")
    assert try_page(browser, PASSWORD, username="stranger", address=ELSEWHERE).status_code == 429
    assert try_page(browser, PASSWORD, address=ELSEWHERE).status_code == 302
    first, device, signature = cookie.value.split("-")
    for forged in (
        f"{first}-{device}x-{signature}",
        f"{first}-{device}-{signature[::-1]}",
        "-".join("abc"),
        "x" * 5000,
    ):
        other = Client()
        other.cookies["device"] = forged
        assert try_page(other, PASSWORD, address="192.0.2.77").status_code == 429


def test_one_browser_is_known_for_everybody_who_uses_it(owner: User, stranger: User, limit: Limit):
    limit(wrong_passwords_per_account=1)
    browser = Client()
    for name in ("owner", "stranger", "owner"):
        assert try_page(browser, PASSWORD, username=name).status_code == 302
        browser.post("/accounts/logout/")
    for name in ("owner", "stranger"):
        guess(1, username=name, address=ELSEWHERE)
        assert try_page(Client(), username=name, address="192.0.2.1").status_code == 429
        assert try_page(browser, PASSWORD, username=name, address="192.0.2.1").status_code == 302
        browser.post("/accounts/logout/")


@pytest.mark.django_db
def test_whoever_signs_up_is_known_there(client: Client, limit: Limit):
    limit(wrong_passwords_per_account=1)
    form = {"username": "fresh", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/accounts/signup/", form).status_code == 302
    client.post("/accounts/logout/")
    guess(1, username="fresh", address=ELSEWHERE)
    assert try_page(Client(), username="fresh", address="192.0.2.1").status_code == 429
    assert try_page(Client(), PASSWORD, username="fresh").status_code == 302
    assert try_page(client, PASSWORD, username="fresh", address="192.0.2.1").status_code == 302


def test_an_administrator_gets_in_again_with_a_command(owner: User, limit: Limit, capsys: pytest.CaptureFixture[str]):
    limit(wrong_passwords_per_account=3)
    guess(3)
    guess(3, username="nobody", address=ELSEWHERE)
    assert try_page(Client(), PASSWORD).status_code == 429
    call_command("unlock", "owner")
    assert "cleared" in capsys.readouterr().out
    assert try_page(Client(), PASSWORD).status_code == 302
    assert try_page(Client(), username="nobody", address=ELSEWHERE).status_code == 429
    call_command("unlock", address=ELSEWHERE)
    guess(3, username="somebody")
    call_command("unlock")
    guess(1, username="somebody")
    call_command("unlock", "ghost")
    assert "Nothing was locked." in capsys.readouterr().out


def test_the_administrators_pages_have_no_other_door(owner: User, stranger: User):
    User.objects.filter(pk=owner.pk).update(is_staff=True, is_superuser=True)
    sent = Client().post("/admin/login/?next=/admin/", {"username": "owner", "password": "wrong"})
    assert (sent.status_code, sent["Location"]) == (302, "/accounts/login/?next=/admin/")
    browser = Client()
    assert browser.post(f"{LOG_IN}?next=/admin/", {"username": "owner", "password": PASSWORD})["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200
    other = Client()
    other.force_login(stranger)
    assert other.get("/admin/", follow=True).status_code == 403, "not sent back and forth"


@pytest.mark.django_db
def test_neither_names_nor_addresses_are_kept():
    guess(1, username="somebody", address=ELSEWHERE)
    kept = str(list(Attempt.objects.values()))
    assert Attempt.objects.exists()
    assert "somebody" not in kept
    assert ELSEWHERE not in kept


@pytest.mark.django_db(transaction=True)
def test_of_many_guesses_at_once_no_more_get_through_than_may():
    def begin(_: int) -> bool:
        try:
            attempts.begin(Guess("owner", HERE))
        except LimitReached:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(begin, range(40))) == 3


@pytest.mark.django_db
def test_accounts_made_from_an_address_are_bounded(client: Client, limit: Limit):
    limit(signups_per_hour=2)
    form = {"password1": PASSWORD, "password2": PASSWORD}
    assert Client().post("/accounts/signup/", {**form, "username": "one"}).status_code == 302
    body = {"username": "two", "password": PASSWORD}
    assert APIClient().post("/api/register/", body, format="json").status_code == 201
    page = client.post("/accounts/signup/", {**form, "username": "three"})
    assert page.status_code == 429
    assert "That was too much at once. Try again in 30 minutes." in page.content.decode()
    assert 'value="three"' in page.content.decode()
    answer = APIClient().post("/api/register/", {**body, "username": "four"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert answer["RateLimit-Policy"] == '"sign-ups";q=2;w=3600'
    assert User.objects.count() == 2
    body = {"username": "five", "password": PASSWORD}
    assert APIClient().post("/api/register/", body, format="json", REMOTE_ADDR=ELSEWHERE).status_code == 201


@pytest.mark.django_db
def test_what_says_nothing_any_more_is_deleted(owner: User):
    guess(1)
    assert try_page(Client(), PASSWORD, address=ELSEWHERE).status_code == 302
    attempts.purge()
    assert Attempt.objects.exists()
    let_pass(days=31)
    attempts.purge()
    assert not Attempt.objects.exists()
