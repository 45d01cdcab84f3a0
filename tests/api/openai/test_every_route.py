"""What holds for every route of `/v1` alike: who may, and errors of OpenAI's shape whatever happens."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import AsyncClient, Client
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts import tokens
from accounts.models import User
from api.openai.urls import urlpatterns
from tests.api.conftest import program_of

# Route name → its address, the method that it takes, and whether a token that may only read may use it.
ROUTES = {
    "openai_models": ("/v1/models", "GET", True),
    "openai_model": ("/v1/models/owner/name", "GET", True),
    "openai_chat_completions": ("/v1/chat/completions", "POST", False),
    "openai_completions": ("/v1/completions", "POST", False),
}
BODIES = [name for name, (_, method, _) in ROUTES.items() if method == "POST"]
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
JSON = "application/json"


def says(response: Any, status: int, code: str) -> bool:
    """Whether it is this error, in OpenAI's shape and with a sentence."""
    assert response["Content-Type"] == JSON
    assert set(response.json()) == {"error"}
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return (response.status_code, error["code"]) == (status, code)


def with_token(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture
def program(owner: User) -> APIClient:
    return program_of(owner)


def ask(client: Client, name: str, body: str = "{}") -> Any:
    url, method, _ = ROUTES[name]
    return client.generic(method, url, body, content_type=JSON)


def test_every_route_is_looked_at_here():
    assert {pattern.name for pattern in urlpatterns} == set(ROUTES)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Bearer prl_nonsense", "Basic eDp5", "Bearer"])
def test_without_a_good_key_there_is_nothing(name: str, header: str | None):
    client = APIClient()
    if header:
        client.credentials(HTTP_AUTHORIZATION=header)
    response = ask(client, name)
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert says(response, 401, "invalid_api_key")


@pytest.mark.parametrize("name", ROUTES)
def test_a_browsers_cookie_is_no_key(name: str, owner: User, client: Client):
    client.force_login(owner)
    assert says(ask(client, name), 401, "invalid_api_key")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ROUTES)
def test_a_deactivated_account_is_nobodys(name: str, owner: User):
    personal = tokens.create(owner=owner, name="mine")[1]
    User.objects.update(is_active=False)
    for token in (str(AccessToken.for_user(owner)), personal):
        assert ask(with_token(token), name).status_code == 401


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ROUTES)
def test_a_personal_token_may_what_its_scopes_say(name: str, owner: User):
    reading = with_token(tokens.create(owner=owner, name="to read", scopes=["read"])[1])
    chatting = with_token(tokens.create(owner=owner, name="to chat")[1])
    # No process answers here: that is what whoever may ask is told.
    assert says(ask(chatting, name), 503, "restarting")
    if ROUTES[name][2]:
        assert says(ask(reading, name), 503, "restarting")
    else:
        assert says(ask(reading, name), 403, "wrong_scope")


@pytest.mark.parametrize("name", ROUTES)
def test_another_method_is_refused_and_the_right_one_is_named(name: str, program: APIClient):
    url, method, _ = ROUTES[name]
    for other in METHODS - {method}:
        response = program.generic(other, url, content_type=JSON)
        assert says(response, 405, "method_not_allowed")
        assert response["Allow"] == method


@pytest.mark.parametrize(
    "path", ["/v1/", "/v1/nothing", "/v1/chat", "/v1/chat/completions/", "/v1/embeddings", "/v1/responses", "/v1/a//b"]
)
def test_an_address_that_is_none_answers_in_the_same_shape(path: str, client: Client):
    for method in ("get", "post"):
        assert says(getattr(client, method)(path), 404, "not_found")


async def test_what_goes_wrong_on_our_side_has_the_same_shape(
    owner: User, async_client: AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    def broken(request: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("api.openai.views.authenticate", broken)
    async_client.raise_request_exception = False
    response = await async_client.get("/v1/models")
    assert says(response, 500, "server_error")
    assert b"secret" not in response.content


@pytest.mark.parametrize("name", BODIES)
def test_a_host_that_is_not_ours_is_refused_in_the_same_shape(name: str, client: Client):
    response = client.post(ROUTES[name][0], "{}", content_type=JSON, headers={"Host": "elsewhere.example"})
    assert says(response, 400, "unknown_host")
