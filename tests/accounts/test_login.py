"""/accounts/login/ and /accounts/logout/"""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from tests.conftest import PASSWORD

LOGIN, LOGOUT = "/accounts/login/", "/accounts/logout/"
pytestmark = pytest.mark.django_db


def log_in(client: Client, *, password: str = PASSWORD, following: str = ""):
    given = {"username": "owner", "password": password, "next": following}
    return client.post(LOGIN, given)


def test_name_and_password_log_in(client: Client, owner: User):
    response = log_in(client)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/chat/").status_code == 200


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client: Client, owner: User):
    cookie = log_in(client).cookies[settings.SESSION_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_a_wrong_password_is_told_and_logs_nobody_in(client: Client, owner: User):
    response = log_in(client, password="wrong")
    assert response.status_code == 200
    assert "correct username and password" in response.text
    assert client.get("/chat/").status_code == 302


def test_a_nul_in_the_name_is_no_server_error(client: Client, owner: User):
    response = client.post(LOGIN, {"username": "a\x00", "password": "x"})
    assert (response.status_code, "Null characters" in response.text) == (200, True)


def test_logging_in_leads_back_to_where_one_came_from(client: Client, owner: User):
    sent = client.get("/chat/all/?page=2")
    assert sent["Location"] == f"{LOGIN}?next=/chat/all/%3Fpage%3D2"
    assert 'value="/chat/all/?page=2"' in client.get(sent["Location"]).text
    assert log_in(client, following="/chat/all/?page=2")["Location"] == "/chat/all/?page=2"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "\\\\evil.example",
        "/\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        " //evil.example",
    ],
)
def test_logging_in_leads_nowhere_else(client: Client, owner: User, elsewhere: str):
    assert log_in(client, following=elsewhere)["Location"] == "/"


def test_who_is_logged_in_is_sent_home(client: Client, owner: User):
    client.force_login(owner)
    assert client.get(LOGIN)["Location"] == "/"


def test_logging_out_is_a_post(client: Client, owner: User):
    client.force_login(owner)
    assert client.get(LOGOUT).status_code == 405
    assert client.get("/chat/").status_code == 200
    response = client.post(LOGOUT)
    assert (response.status_code, response["Location"]) == (302, LOGIN)
    assert client.get("/chat/").status_code == 302


def test_logging_out_without_being_in_is_no_error(client: Client):
    assert client.post(LOGOUT).status_code == 302


@pytest.mark.parametrize("path", [LOGIN, LOGOUT])
def test_a_form_from_another_site_is_refused(path: str, owner: User):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    response = client.post(path, {"username": "owner", "password": PASSWORD})
    assert response.status_code == 403
    assert client.get("/chat/").status_code == 200


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
@pytest.mark.parametrize("path", [LOGIN, LOGOUT])
def test_another_method_is_refused(client: Client, path: str, method: str):
    assert client.generic(method, path).status_code == 405
