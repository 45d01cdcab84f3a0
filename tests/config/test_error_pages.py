"""Error pages: what happened and what to do, as a page, a notice for HTMX or JSON; never a traceback."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from tests.support.browsers import HTMX, is_page

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.failing_urls")]

FAILURES = [
    ("bug", 500, "server_error", "Something went wrong on our side"),
    ("database", 503, "database_away", "Parley is away for a moment"),
    ("connection", 503, "database_away", "Parley is away for a moment"),
    ("forbidden", 403, "forbidden", "You may not do this"),
    ("suspicious", 400, "bad_request", "This request cannot be read"),
]
failures = pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure[0])
both_kinds = pytest.mark.parametrize("kind", ["", "async/"], ids=["sync", "async"])


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@failures
@both_kinds
def test_a_page_says_what_happened(client: Client, kind: str, failure: tuple[str, int, str, str]):
    name, status, _, title = failure
    response = client.get(f"/fail/{kind}{name}/")
    assert response.status_code == status
    assert is_page(response)
    assert title in response.text
    assert "secret detail" not in response.text
    assert "Traceback" not in response.text


@failures
@both_kinds
def test_htmx_gets_a_notice(client: Client, kind: str, failure: tuple[str, int, str, str]):
    name, status, _, title = failure
    response = client.get(f"/fail/{kind}{name}/", headers=HTMX)
    assert response.status_code == status
    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#notice", "innerHTML")
    assert not is_page(response)
    assert title in response.text


@failures
@both_kinds
def test_the_api_answers_in_json(client: Client, kind: str, failure: tuple[str, int, str, str]):
    name, status, code, title = failure
    response = client.get(f"/api/fail/{kind}{name}/")
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert title in body["detail"]
    assert "secret detail" not in response.text


@pytest.mark.parametrize("path", ["/fail/database/", "/api/fail/database/", "/fail/async/connection/"])
def test_while_the_database_is_away_clients_are_told_when_to_come_back(client: Client, path: str):
    assert int(client.get(path)["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/nothing/", "/chat/not-a-uuid/", "/interactions/1/stop/", "/static/nothing.css"])
def test_an_address_that_is_none_has_a_page_that_leads_back(client: Client, path: str):
    response = client.get(path)
    assert response.status_code == 404
    assert "There is nothing here" in response.text
    assert 'href="/chat/"' in response.text


def test_an_unknown_host_is_refused_and_the_operator_told_what_to_set(client: Client):
    page = client.get("/accounts/login/", headers={"Host": "evil.example"})
    assert page.status_code == 400
    assert "ALLOWED_HOSTS" in page.text
    assert "evil.example" not in page.text
    assert client.get("/api/sessions/", headers={"Host": "evil.example"}).json()["code"] == "unknown_host"


def test_debug_pages_are_off():
    assert settings.DEBUG is False
