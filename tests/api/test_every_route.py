"""What holds for every route of the API alike. Who may do what is in tests/ownership/."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts import log_ins, tokens
from accounts.models import User
from api.codes import CODES
from api.urls import urlpatterns
from chat.models import Preset, SharedLink
from tests.support.answers import make_interaction

# Route name → the methods that it takes, and whether it reads a body.
OPEN = {
    "api_register": ({"POST"}, True),
    "api_token": ({"POST"}, True),
    "api_token_refresh": ({"POST"}, True),
    "api_token_blacklist": ({"POST"}, True),
    "api_shared": ({"GET"}, False),
    "api_server": ({"GET"}, False),
}
# What a personal token may not do, whatever its scopes.
BY_ACCESS_TOKEN = {
    "api_account_password": ({"POST"}, True),
    "api_account_delete": ({"POST"}, True),
    "api_account_data": ({"GET"}, False),
    "api_personal_tokens": ({"GET", "POST"}, True),
    "api_personal_token": ({"DELETE"}, False),
    "api_log_ins": ({"GET"}, False),
    "api_log_ins_end_all": ({"POST"}, False),
    "api_log_in": ({"DELETE"}, False),
}
CLOSED = {
    "process_chat_message": ({"POST"}, True),
    "api_generate": ({"POST"}, True),
    "api_sessions": ({"GET", "POST"}, True),
    "api_session": ({"GET", "PATCH", "DELETE"}, True),
    "api_session_interactions": ({"GET"}, False),
    "api_interaction": ({"GET", "DELETE"}, False),
    "api_interaction_stream": ({"GET"}, False),
    "api_interaction_stop": ({"POST"}, False),
    "api_interaction_regenerate": ({"POST"}, False),
    "api_interaction_continue": ({"POST"}, False),
    "api_interaction_edit": ({"POST"}, True),
    "api_interaction_rate": ({"POST"}, True),
    "api_sessions_bulk": ({"POST"}, True),
    "api_session_undelete": ({"POST"}, False),
    "api_session_links": ({"GET", "POST"}, True),
    "api_session_link": ({"DELETE"}, False),
    "api_session_export": ({"GET"}, False),
    "api_export": ({"GET"}, False),
    "api_account": ({"GET", "PATCH"}, True),
    "api_presets": ({"GET", "POST"}, True),
    "api_preset": ({"GET", "PATCH", "DELETE"}, True),
    "api_model": ({"GET"}, False),
    "api_usage": ({"GET"}, False),
    "api_import": ({"POST"}, False),  # a file, not an object: see test_transfer.py
} | BY_ACCESS_TOKEN
ROUTES = OPEN | CLOSED
# Read by anybody, and the same for all: schema/test_served.py looks at them.
PUBLIC = {"api_schema", "api_docs", "api_redoc"}
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}

# These need a process that answers: files of their own look at them with one.
WITH_PROCESS = {"process_chat_message", "api_generate", "api_interaction_stream"}


def converters_of(name: str) -> set[str]:
    return set(next(one for one in urlpatterns if one.name == name).pattern.converters)


BODIES = [
    (name, method)
    for name, (methods, reads) in ROUTES.items()
    if reads and name not in WITH_PROCESS
    for method in sorted(methods & {"POST", "PATCH"})
]
OF_ACCOUNTS = {"preset_id", "token_id", "log_in_id"}


def of_the_account(owner: User) -> dict[str, Any]:
    Client().force_login(owner)
    return {
        "preset_id": Preset.objects.create(owner=owner, name=f"preset {uuid4()}").pk,
        "token_id": tokens.create(owner=owner, name="a token")[0].pk,
        "log_in_id": log_ins.known(user=owner, current=None)[0].id,
    }


def url_of(name: str, owner: User) -> str:
    made = make_interaction(owner)
    values = {
        "session_id": made.session_id,
        "interaction_id": made.pk,
        "token": SharedLink.objects.create(session=made.session, leaf=made).token,
    }
    wanted = converters_of(name)
    values |= {} if wanted.isdisjoint(OF_ACCOUNTS) else of_the_account(owner)
    return reverse(name, kwargs={key: value for key, value in values.items() if key in wanted})


def is_problem(response: Any, status: int, code: str) -> bool:
    body = response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert {"title", "status", "code", "detail", "retryable"} <= set(body)
    assert body["detail"]
    row = CODES[body["code"]]
    assert (body["status"], body["retryable"]) == (row.status, row.retryable)
    return (response.status_code, body["status"], body["code"]) == (status, status, code)


def test_every_route_is_looked_at_here():
    assert {pattern.name for pattern in urlpatterns} == set(ROUTES) | PUBLIC


@pytest.mark.parametrize("name", CLOSED)
def test_without_a_token_there_is_nothing(name: str, owner: User, nobody: APIClient):
    url = url_of(name, owner)
    for method in CLOSED[name][0]:
        response = nobody.generic(method, url, content_type="application/json")
        assert is_problem(response, 401, "not_authenticated")
        assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scope", tokens.SCOPES)
@pytest.mark.parametrize("name", BY_ACCESS_TOKEN)
def test_a_personal_token_gets_no_further_than_its_scopes(name: str, scope: str, owner: User, nobody: APIClient):
    nobody.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.create(owner=owner, name='x', scopes=[scope])[1]}")
    for method in BY_ACCESS_TOKEN[name][0]:
        response = nobody.generic(method, url_of(name, owner), "{}", content_type="application/json")
        assert is_problem(response, 403, "access_token_required")
        assert "POST /api/token/" in response.json()["detail"]
    nobody.credentials(HTTP_AUTHORIZATION="Bearer parley_nothing")
    assert is_problem(nobody.get(url_of(name, owner)), 401, "token_not_valid") or "GET" not in BY_ACCESS_TOKEN[name][0]


@pytest.mark.parametrize("name", ROUTES)
def test_another_method_is_refused_and_the_right_ones_are_named(name: str, owner: User, program: APIClient):
    url = url_of(name, owner)
    for method in METHODS - ROUTES[name][0]:
        response = program.generic(method, url, content_type="application/json")
        assert is_problem(response, 405, "method_not_allowed")
        assert set(response["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == ROUTES[name][0]


@pytest.mark.parametrize(("name", "method"), BODIES)
@pytest.mark.parametrize("body", ["{", "[" * 100_000, "\x00", '{"a": NaN}'])
def test_a_body_that_is_no_json_is_refused(name: str, method: str, body: str, owner: User, program: APIClient):
    response = program.generic(method, url_of(name, owner), body, content_type="application/json")
    assert is_problem(response, 400, "parse_error")


@pytest.mark.parametrize(("name", "method"), BODIES)
def test_another_content_type_is_refused(name: str, method: str, owner: User, program: APIClient):
    response = program.generic(
        method, url_of(name, owner), "message=x", content_type="application/x-www-form-urlencoded"
    )
    assert is_problem(response, 415, "unsupported_media_type")
    assert "application/json" in response.json()["detail"]


@pytest.mark.parametrize(("name", "method"), BODIES)
@pytest.mark.parametrize("body", ["[]", "1", "null", '"text"'])
def test_json_that_is_no_object_is_refused(name: str, method: str, body: str, owner: User, program: APIClient):
    response = program.generic(method, url_of(name, owner), body, content_type="application/json")
    assert is_problem(response, 400, "invalid")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", sorted(WITH_PROCESS))
def test_where_no_process_answers_the_client_is_told_to_come_back(name: str, owner: User, program: APIClient):
    for method in CLOSED[name][0]:
        response = program.generic(method, url_of(name, owner), "{}", content_type="application/json")
        assert is_problem(response, 503, "restarting")


@pytest.mark.parametrize("path", ["/api/", "/api/nothing/", "/api/sessions/not-a-uuid/"])
def test_an_address_that_is_none_answers_in_json(path: str, program: APIClient):
    assert is_problem(program.get(path), 404, "not_found")
