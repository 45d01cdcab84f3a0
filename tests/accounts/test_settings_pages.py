"""/settings/…: what holds for all of its pages, and the general ones."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation

from accounts.models import ApiToken, Theme, User
from accounts.settings_urls import urlpatterns
from accounts.tokens import create
from tests.support.browsers import HTMX, Browser

GENERAL = "/settings/"
ROUTES = {
    "general_settings": {"GET", "POST"},
    "account_settings": {"GET", "POST"},
    "download_data": {"GET"},
    "delete_account": {"GET", "POST"},
    "account_deleted": {"GET"},
    "log_ins": {"GET", "POST"},
    "api_tokens": {"GET", "POST"},
    "revoke_token": {"POST"},
}
OPEN = {"account_deleted"}
FILES = {"download_data"}
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture
def browser(owner: User) -> Browser:
    return Browser(owner)


@pytest.fixture(autouse=True)
def _in_english():
    yield
    translation.deactivate()


@pytest.fixture
def token(owner: User) -> ApiToken:
    return create(owner=owner, name="a program")[0]


def url_of(name: str, token: ApiToken) -> str:
    return reverse(name, args=[token.pk] if name == "revoke_token" else [])


def test_every_route_is_looked_at_here():
    assert {pattern.name for pattern in urlpatterns} == set(ROUTES)


@pytest.mark.parametrize("name", ROUTES)
def test_another_method_is_refused_and_the_right_ones_are_named(name: str, browser: Browser, token: ApiToken):
    for method in METHODS - ROUTES[name]:
        response = browser.client.generic(method, url_of(name, token))
        assert response.status_code == 405
        assert set(response["Allow"].split(", ")) - {"HEAD"} == ROUTES[name]


@pytest.mark.parametrize("name", [name for name in ROUTES if name not in OPEN])
def test_nobody_is_sent_to_log_in(name: str, client: Client, token: ApiToken):
    url = url_of(name, token)
    for method in ROUTES[name]:
        response = client.generic(method, url)
        assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={url}")
    assert client.post(url, headers=HTMX).status_code in {401, 405}
    assert ApiToken.objects.exists()


@pytest.mark.parametrize("name", [name for name, methods in ROUTES.items() if "POST" in methods])
def test_a_form_from_another_site_is_refused(name: str, owner: User, token: ApiToken):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.post(url_of(name, token), {"password": "x"}).status_code == 403
    assert (User.objects.count(), ApiToken.objects.count(), owner.log_ins.count()) == (1, 1, 1)


@pytest.mark.parametrize("name", [name for name, methods in ROUTES.items() if "GET" in methods and name not in FILES])
def test_every_page_says_where_one_is(name: str, browser: Browser, token: ApiToken):
    response = browser.get(url_of(name, token))
    assert response.status_code == 200
    assert response.text.count('aria-current="page"') == (0 if name in OPEN | {"delete_account"} else 1)
    assert "no-store" in response["Cache-Control"]


def given(**fields: str) -> dict[str, str]:
    return {"theme": "system", "language": "", "enter_sends": "yes", **fields}


def test_what_is_chosen_is_kept_and_holds_from_the_next_page_on(browser: Browser, owner: User):
    response = browser.post(GENERAL, given(theme="dark", language="de", enter_sends="no"))
    assert (response.status_code, response["Location"]) == (303, GENERAL)
    owner.refresh_from_db()
    assert (owner.theme, owner.language, owner.enter_sends) == ("dark", "de", False)
    page = browser.get(GENERAL).text
    assert '<html lang="de" dir="ltr" data-theme="dark">' in page
    assert "<p>Gespeichert.</p>" in page
    assert '<meta name="color-scheme" content="dark">' in page
    assert 'data-enter-sends="false"' in browser.get("/chat/").text


def test_a_page_without_a_log_in_keeps_the_colours(browser: Browser):
    browser.post(GENERAL, given(theme="light"))
    browser.client.post("/accounts/logout/")
    page = browser.get("/accounts/login/")
    assert 'data-theme="light"' in page.text


def test_going_back_to_the_systems_colours_and_the_browsers_language_clears_the_cookies(browser: Browser):
    browser.post(GENERAL, given(theme="dark", language="ar"))
    browser.post(GENERAL, given())
    cookies = browser.client.cookies
    assert [cookies[name]["max-age"] for name in ("theme", settings.LANGUAGE_COOKIE_NAME)] == [0, 0]
    assert '<html lang="en" dir="ltr" data-theme="system">' in browser.get(GENERAL).text


@pytest.mark.parametrize("field", ["theme", "language", "enter_sends"])
def test_a_choice_that_there_is_not_is_told_and_changes_nothing(browser: Browser, owner: User, field: str):
    response = browser.post(GENERAL, given(**{"theme": "dark", field: "\x00nonsense"}))
    assert response.status_code == 422
    assert "not one of the available choices" in response.text
    owner.refresh_from_db()
    assert owner.theme == Theme.SYSTEM
    assert 'data-theme="system"' in response.text


def test_a_theme_cookie_of_no_theme_is_ignored(client: Client, db: None):
    client.cookies["theme"] = '"><script>'
    assert 'data-theme="system"' in client.get("/accounts/login/").text
