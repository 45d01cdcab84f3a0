"""Log-ins: which browsers are in, and how they are put out: /settings/log-ins/, /settings/account/"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.log_ins import in_words
from accounts.models import LogIn, User
from tests.conftest import PASSWORD
from tests.support.browsers import Browser

LOG_INS, ACCOUNT = "/settings/log-ins/", "/settings/account/"
NEW_PASSWORD = "another one entirely"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1"
)


def log_in(user_agent: str = FIREFOX, password: str = PASSWORD) -> Browser:
    browser = Browser(None)
    given = {"username": "owner", "password": password}
    assert browser.client.post("/accounts/login/", given, headers={"User-Agent": user_agent}).status_code == 302
    return browser


def is_in(browser: Browser) -> bool:
    return bool(browser.get("/chat/").status_code == 200)


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        (CHROME + " Edg/140.0", "Edge on Windows"),
        (IPHONE, "Safari on iPhone"),
        (CHROME.replace("Windows NT 10.0; Win64; x64", "Linux; Android 15"), "Chrome on Android"),
        ("curl/8.0", "curl"),
        ("", "An unknown browser"),
        ("<script>", "An unknown browser"),
    ],
)
def test_a_browser_is_told_in_words(user_agent: str, words: str):
    assert in_words(user_agent) == words


def test_log_ins_are_listed_with_the_one_that_asks_first(owner: User):
    this = log_in()
    log_in(CHROME)
    page = this.get(LOG_INS).text
    assert page.index("Firefox on Linux") < page.index("This browser") < page.index("Chrome on Windows")
    assert not [key for key in LogIn.objects.values_list("session_key", flat=True) if key in page]


def test_one_log_in_can_be_ended(owner: User):
    this, other, third = log_in(), log_in(CHROME), log_in(IPHONE)
    [before] = [one for one in this.get(LOG_INS).context["log_ins"] if "Chrome" in one.browser]
    response = this.post(LOG_INS, {"id": before.id})
    assert (response.status_code, response["Location"]) == (303, LOG_INS)
    assert (is_in(this), is_in(other), is_in(third)) == (True, False, True)


def test_all_others_can_be_ended(owner: User, stranger: User):
    this, other, somebody_else = log_in(), log_in(CHROME), Browser(stranger)
    assert this.post(LOG_INS).status_code == 303
    assert "All other log-ins were ended." in this.get(LOG_INS).text
    assert (is_in(this), is_in(other), is_in(somebody_else)) == (True, False, True)


def test_a_strangers_log_in_cannot_be_ended(owner: User, stranger: User):
    this, theirs = log_in(), Browser(stranger)
    [shown] = theirs.get(LOG_INS).context["log_ins"]
    for wrong in (shown.id, LogIn.objects.get(user=stranger).session_key, "x", "\x00"):
        assert this.post(LOG_INS, {"id": wrong}).status_code == 303
    assert is_in(theirs)


def test_saving_a_session_keeps_since_when_it_is(owner: User):
    browser = log_in()
    since = timezone.now() - timedelta(days=3)
    LogIn.objects.update(created=since)
    session = browser.client.session
    session["more"] = 1
    session.save()
    saved = LogIn.objects.get()
    assert (saved.created, saved.user_agent, saved.user) == (since, FIREFOX, owner)
    assert browser.client.session["more"] == 1


def test_log_ins_that_have_run_out_are_not_listed_and_go_with_the_next_log_in(owner: User):
    log_in(CHROME)
    LogIn.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    browser = Browser(owner)
    assert LogIn.objects.count() == 1
    assert len(browser.get(LOG_INS).context["log_ins"]) == 1


def test_log_ins_that_have_run_out_go_when_the_site_is_prepared(owner: User, stranger: User):
    log_in()
    theirs = Browser(stranger)
    LogIn.objects.filter(user=owner).update(expire_date=timezone.now() - timedelta(seconds=1))
    call_command("clearsessions")  # what `manage.py prepare` calls, too
    assert LogIn.objects.count() == 1
    assert is_in(theirs)


# The password


def change(old: str = PASSWORD, new: str = NEW_PASSWORD, again: str | None = None) -> dict[str, str]:
    return {"old_password": old, "new_password1": new, "new_password2": new if again is None else again}


def test_a_changed_password_keeps_this_log_in_and_ends_all_others(owner: User):
    this, other = log_in(), log_in(CHROME)
    program = Client().post("/api/token/", {"username": "owner", "password": PASSWORD}, "application/json").json()
    response = this.post(ACCOUNT, change())
    assert (response.status_code, response["Location"]) == (303, ACCOUNT)
    assert (is_in(this), is_in(other)) == (True, False)
    assert LogIn.objects.count() == 1
    refreshed = Client().post("/api/token/refresh/", {"refresh": program["refresh"]}, "application/json")
    assert refreshed.status_code == 401
    assert is_in(log_in(password=NEW_PASSWORD))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (change(old="wrong"), "was entered incorrectly"),
        (change(new="short"), "too short"),
        (change(again="different"), "match"),
        (change(new="a\x00bcdefghijk"), "Null characters"),
    ],
)
def test_a_password_that_cannot_be_used_is_told_and_changes_nothing(owner: User, given: dict[str, str], says: str):
    this, other = log_in(), log_in(CHROME)
    response = this.post(ACCOUNT, given)
    assert response.status_code == 422
    assert says in response.text
    assert is_in(other)
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("path", "field"), [("/settings/account/", "old_password"), ("/settings/account/delete/", "password")]
)
def test_who_finds_a_browser_logged_in_cannot_find_out_the_password_with_it(
    owner: User, monkeypatch: pytest.MonkeyPatch, path: str, field: str
):
    monkeypatch.setattr(settings, "ENV", settings.ENV.model_copy(update={"wrong_passwords": 3}))
    browser = log_in()

    def guess(password: str) -> Any:
        return browser.post(path, {field: password, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})

    for _ in range(3):
        assert guess("wrong").status_code == 422
    refused = guess(PASSWORD)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert "Try again in" in refused.text
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)
