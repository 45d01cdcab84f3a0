"""Requests to the API and /v1: how many, for whom, and what headers say of it."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import User
from chat.database import in_thread
from limits.models import Spent
from tests.api.conftest import program_of
from tests.limits.conftest import Limit
from tests.support.site_server import SiteServer
from tests.support.waiting import until

SESSIONS = "/api/sessions/"


def with_token(owner: User, name: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.create(owner=owner, name=name)[1]}")
    return client


def test_a_user_has_so_many_requests_whichever_program_makes_them(owner: User, stranger: User, limit: Limit):
    limit(requests_per_minute=3)
    for client in (program_of(owner), with_token(owner, "one"), with_token(owner, "another")):
        assert client.get(SESSIONS).status_code == 200
    refused = program_of(owner).get(SESSIONS)
    problem = refused.json()
    assert (refused.status_code, refused["Content-Type"]) == (429, "application/problem+json")
    assert (problem["code"], problem["retryable"]) == ("throttled", True)
    assert problem["detail"] == "That was too much at once. Try again in 20 seconds."
    assert refused["Retry-After"] == "20"
    assert program_of(stranger).get(SESSIONS).status_code == 200


def test_one_token_leaves_something_to_the_others(owner: User, limit: Limit):
    limit(requests_per_minute=10, requests_per_minute_per_token=2)
    greedy, modest = with_token(owner, "greedy"), with_token(owner, "modest")
    assert [greedy.get(SESSIONS).status_code for _ in range(9)] == [200, 200, *[429] * 7]
    assert modest.get(SESSIONS).status_code == 200, "what was refused was not taken from its owner"


def test_headers_say_what_is_left(owner: User, limit: Limit):
    limit(requests_per_minute=10, requests_per_minute_per_token=4)
    with_token(owner, "one").get(SESSIONS)
    answer = with_token(owner, "two").get(SESSIONS)
    assert answer["RateLimit-Policy"] == '"user";q=10;w=60, "token";q=4;w=60'
    assert answer["RateLimit"] == '"user";r=8;t=12, "token";r=3;t=15'
    assert answer["x-ratelimit-limit-requests"] == "4"
    assert answer["x-ratelimit-remaining-requests"] == "3"
    assert answer["x-ratelimit-reset-requests"] == "15s"
    assert "Retry-After" not in answer


def test_a_refusal_says_when_there_is_more(owner: User, limit: Limit):
    limit(requests_per_minute=1)
    program_of(owner).get(SESSIONS)
    refused = program_of(owner).get(SESSIONS)
    assert refused["RateLimit-Policy"] == '"user";q=1;w=60'
    assert refused["RateLimit"] == '"user";r=0;t=60'
    assert refused["Retry-After"] == "60"


def test_without_limits_headers_say_nothing(owner: User, limit: Limit):
    limit(requests_per_minute=0)
    answer = program_of(owner).get(SESSIONS)
    assert answer.status_code == 200
    assert not {"RateLimit", "RateLimit-Policy", "x-ratelimit-limit-requests"} & set(answer.headers)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/token/refresh/", "/api/register/", "/api/sessions/", "/api/nothing/"])
def test_nobody_is_counted_by_the_address(path: str, nobody: APIClient, limit: Limit):
    limit(anonymous_requests_per_minute=2)
    for left in ("1", "0"):
        answer = nobody.post(path, {}, format="json", REMOTE_ADDR="203.0.113.7")
        assert answer.status_code in {400, 401, 404}
        assert answer["x-ratelimit-remaining-requests"] == left
    refused = nobody.post(path, {}, format="json", REMOTE_ADDR="203.0.113.7")
    assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (429, "throttled", "30")
    assert nobody.post(path, {}, format="json", REMOTE_ADDR="203.0.113.8").status_code != 429


def test_a_bad_token_is_counted_as_nobodys_and_good_ones_beside_it_go_on(owner: User, limit: Limit):
    limit(anonymous_requests_per_minute=2)
    guesser = APIClient()
    guesser.credentials(HTTP_AUTHORIZATION="Bearer parley_guessed")
    assert [guesser.get(SESSIONS).status_code for _ in range(3)] == [401, 401, 429]
    assert [program_of(owner).get(SESSIONS).status_code for _ in range(5)] == [200] * 5


def test_what_is_known_by_its_token_takes_nothing_from_its_address(owner: User, limit: Limit, nobody: APIClient):
    limit(anonymous_requests_per_minute=1)
    for _ in range(3):
        program_of(owner).get(SESSIONS)
    assert nobody.get(SESSIONS).status_code == 401


async def test_it_is_the_same_for_what_waits_for_the_model_and_in_v1(site: SiteServer, owner: User, limit: Limit):
    limit(requests_per_minute=3)
    async with site.program(owner) as client:
        async with client.post("/api/chat/", json={"message": "Hi"}) as answer:
            assert (answer.status, answer.headers["x-ratelimit-remaining-requests"]) == (200, "2")
            made = await answer.json()
        async with client.get(f"/api/interactions/{made['interaction_id']}/stream/") as stream:
            assert (stream.status, stream.headers["x-ratelimit-remaining-requests"]) == (200, "1")
            await stream.read()
        async with client.get("/v1/models") as models:
            assert (models.status, models.headers["x-ratelimit-remaining-requests"]) == (200, "0")
        async with client.post("/api/chat/", json={"message": "Hi"}) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (429, "throttled")
        async with client.get("/v1/models") as models:
            error = (await models.json())["error"]
        assert (models.status, error["code"], error["type"]) == (429, "rate_limit_exceeded", "rate_limit_error")
        assert 0 < int(models.headers["Retry-After"]) <= 20


@pytest.mark.parametrize("htmx", [False, True])
async def test_questions_have_a_limit_on_pages_and_over_the_api_together(
    site: SiteServer, owner: User, limit: Limit, htmx: bool
):
    limit(answers_per_minute=2)
    async with site.program(owner) as program, site.browser(owner) as browser:
        async with program.post("/api/chat/", json={"message": "Hi"}) as answer:
            assert answer.status == 200
        async with browser.get("/chat/") as page:
            token = (await page.text()).split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        form = {"query": "My long draft", "csrfmiddlewaretoken": token}
        headers = {"HX-Request": "true"} if htmx else {}
        statuses = []
        for _ in range(2):
            async with browser.post("/chat/", data=form, headers=headers, allow_redirects=False) as page:
                statuses.append(page.status)
                text = await page.text()
        assert statuses == [200 if htmx else 303, 429]
        assert page.headers["Retry-After"] == "30"
        assert "You have asked very often just now. Try again in 30 seconds." in text
        assert "My long draft" in text
        body: dict[str, Any] = {"model": "stub", "messages": [{"role": "user", "content": "Hi"}]}
        for path, given in {"/api/chat/": {"message": "Hi"}, "/v1/chat/completions": body}.items():
            async with program.post(path, json=given) as answer:
                assert answer.status == 429


@pytest.mark.django_db(transaction=True)
async def test_many_requests_are_settled_by_few_statements(site: SiteServer, owner: User, limit: Limit):
    limit(requests_per_minute=1000)
    async with site.program(owner) as client:
        for _ in range(20):
            async with client.get(SESSIONS) as answer:
                assert answer.status == 200
    assert answer.headers["x-ratelimit-remaining-requests"] in {"980", "981"}
    await until(lambda: in_thread(Spent.objects.filter(key=f"user:{owner.pk}").exists))
