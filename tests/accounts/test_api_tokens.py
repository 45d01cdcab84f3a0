"""Personal API tokens: /settings/tokens/ and accounts.tokens"""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from accounts import tokens
from accounts.models import ApiToken, User
from tests.support.browsers import Browser

URL = "/settings/tokens/"
SHAPE = re.compile(r"parley_[A-Za-z0-9_-]{43}")


@pytest.fixture
def browser(owner: User) -> Browser:
    return Browser(owner)


def form(**fields: str) -> dict[str, str]:
    return {"name": "my program", "scope": "chat", "expires": "90", **fields}


def made_by(browser: Browser, **fields: str) -> str:
    token: str
    [token] = set(SHAPE.findall(browser.post(URL, form(**fields)).text))
    return token


def test_a_token_is_shown_once_and_only_its_hash_is_kept(browser: Browser, owner: User):
    token = made_by(browser)
    row = ApiToken.objects.get()
    assert row.digest == hashlib.sha256(token.encode()).hexdigest()
    assert token.startswith(row.hint)
    assert (row.owner, row.name, row.scopes) == (owner, "my program", ["read", "chat"])
    page = browser.get(URL).text
    assert row.hint in page
    assert token not in page


def test_a_token_is_found_by_itself_and_its_use_is_noted_not_every_time(browser: Browser, owner: User):
    token = made_by(browser)
    first = tokens.find(token)
    assert first is not None
    assert first.owner == owner
    noted = ApiToken.objects.get().last_used
    assert noted is not None
    tokens.find(token)
    assert ApiToken.objects.get().last_used == noted
    ApiToken.objects.update(last_used=noted - timedelta(minutes=2))
    again = tokens.find(token)
    assert again is not None
    assert ApiToken.objects.get().last_used == again.last_used != noted


@pytest.mark.parametrize("days", ["7", "30", "90", "365"])
def test_a_token_ends_when_it_was_told_to(browser: Browser, days: str):
    token = made_by(browser, expires=days)
    row = ApiToken.objects.get()
    assert row.expires is not None
    assert abs(row.expires - timezone.now() - timedelta(days=int(days))) < timedelta(minutes=1)
    ApiToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert tokens.find(token) is None


def test_a_token_without_an_end_has_none(browser: Browser):
    token = made_by(browser, expires="")
    assert ApiToken.objects.get().expires is None
    assert tokens.find(token) is not None


def test_a_token_that_only_reads_says_so(browser: Browser):
    made_by(browser, scope="read")
    assert ApiToken.objects.get().scopes == ["read"]
    assert "only reads" in browser.get(URL).text


def test_a_deactivated_accounts_token_is_none(browser: Browser, owner: User):
    token = made_by(browser)
    User.objects.update(is_active=False)
    assert tokens.find(token) is None


@pytest.mark.parametrize("wrong", ["", "parley_", "parley_" + "x" * 43, "\x00", "\ud800", "ü" * 100_000])
def test_what_is_no_token_finds_none(browser: Browser, wrong: str, django_assert_num_queries):
    made_by(browser)
    with django_assert_num_queries(1):
        assert tokens.find(wrong) is None


def test_a_revoked_token_is_gone(browser: Browser):
    token = made_by(browser)
    response = browser.post(f"{URL}{ApiToken.objects.get().pk}/revoke/")
    assert (response.status_code, response["Location"]) == (303, URL)
    assert tokens.find(token) is None
    assert "The token was revoked." in browser.get(URL).text


def test_a_strangers_token_is_neither_shown_nor_revoked(browser: Browser, stranger: User):
    theirs, _ = tokens.create(owner=stranger, name="theirs")
    assert "theirs" not in browser.get(URL).text
    assert browser.post(f"{URL}{theirs.pk}/revoke/").status_code == 404
    assert ApiToken.objects.filter(pk=theirs.pk).exists()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": ""}, "Give the token a name."),
        ({"name": "x" * 101}, "This name is too long: 101 characters, of which 100 fit."),
        ({"name": "a\x00b"}, "NUL"),
        ({"scope": "everything"}, "Choose what the token may do."),
        ({"expires": "36500"}, "Choose when the token ends."),
    ],
)
def test_what_cannot_be_used_is_told_and_makes_nothing(browser: Browser, fields: dict[str, str], says: str):
    response = browser.post(URL, form(**fields))
    assert response.status_code == 422
    assert says in response.text
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("scopes", [(), ("read", "admin")])
def test_only_scopes_that_there_are_can_be_given(owner: User, scopes: tuple[str, ...]):
    with pytest.raises(tokens.TokenError, match="scopes"):
        tokens.create(owner=owner, name="x", scopes=scopes)


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\x00b"])
def test_a_token_without_a_name_that_can_be_kept_is_not_made(owner: User, name: str):
    with pytest.raises(tokens.TokenError, match="name"):
        tokens.create(owner=owner, name=name)


def test_a_token_does_not_end_before_it_is_made(owner: User):
    with pytest.raises(tokens.TokenError, match="expires"):
        tokens.create(owner=owner, name="x", expires=timezone.now())


def test_nobody_has_more_tokens_than_one_may_have(
    browser: Browser, owner: User, stranger: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tokens, "MOST", 2)
    for _ in range(2):
        made_by(browser)
    response = browser.post(URL, form())
    assert response.status_code == 422
    assert "Revoke those that you do not need" in response.text
    assert ApiToken.objects.count() == 2
    tokens.create(owner=stranger, name="of somebody else")
    tokens.revoke(owner=owner, token_id=owner.api_tokens.all()[0].pk)
    made_by(browser)


@pytest.mark.django_db(transaction=True)
def test_of_two_tokens_made_at_once_one_takes_the_last_place(owner: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "MOST", 3)
    barrier = Barrier(8)

    def make(number: int) -> bool:
        try:
            barrier.wait(timeout=20)
            tokens.create(owner=owner, name=f"token {number}")
        except tokens.TooManyTokens:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(make, range(8)))
    assert (sum(made), owner.api_tokens.count()) == (3, 3)
