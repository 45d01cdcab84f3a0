"""Personal API tokens in the place of access tokens."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import aiohttp
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import ApiToken, User
from chat.database import in_thread
from chat.models import Interaction
from tests.support.answers import make_interaction
from tests.support.site_server import SiteServer


def program_with(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture
def token(owner: User) -> str:
    return tokens.create(owner=owner, name="mine")[1]


@pytest.fixture
def reading(owner: User) -> str:
    return tokens.create(owner=owner, name="to read", scopes=["read"])[1]


def test_a_token_is_its_owner(owner: User, stranger: User, token: str):
    mine, other = make_interaction(owner), make_interaction(stranger)
    program = program_with(token)
    assert [one["id"] for one in program.get("/api/sessions/").json()["results"]] == [str(mine.session_id)]
    assert program.get(f"/api/interactions/{other.pk}/").status_code == 404
    assert program.patch(f"/api/sessions/{mine.session_id}/", {"title": "New"}, format="json").status_code == 200
    assert ApiToken.objects.get().last_used is not None


def test_one_that_may_read_may_not_change_anything(owner: User, reading: str):
    mine = make_interaction(owner)
    program = program_with(reading)
    assert program.get(f"/api/interactions/{mine.pk}/").status_code == 200
    for refused in (
        program.delete(f"/api/sessions/{mine.session_id}/"),
        program.post(f"/api/interactions/{mine.pk}/stop/"),
        program.post(f"/api/interactions/{mine.pk}/regenerate/"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "wrong_scope")
        assert "may chat" in refused.json()["detail"]
    assert Interaction.objects.count() == 1


@pytest.mark.parametrize("end", ["revoked", "expired", "deactivated", "unknown"])
def test_one_that_is_no_longer_good_is_refused(owner: User, token: str, end: str):
    if end == "revoked":
        tokens.revoke(owner=owner, token_id=ApiToken.objects.get().pk)
    elif end == "expired":
        ApiToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    elif end == "deactivated":
        User.objects.update(is_active=False)
    refused = program_with(token[:-1] + "~" if end == "unknown" else token).get("/api/sessions/")
    assert (refused.status_code, refused.json()["code"]) == (401, "token_not_valid")
    assert "POST /api/tokens/" in refused.json()["detail"]


async def test_answers_are_asked_for_and_followed_with_a_token(site: SiteServer, owner: User):
    _, token = await in_thread(tokens.create, owner=owner, name="a program")
    async with aiohttp.ClientSession(site.url, headers={"Authorization": f"Bearer {token}"}) as program:
        async with program.post("/api/chat/", json={"message": "Hi"}) as response:
            answer = await response.json()
            assert (response.status, answer["status"]) == (200, "complete")
        async with program.get(f"/api/interactions/{answer['interaction_id']}/stream/") as response:
            assert "event: done" in await response.text()
        async with program.get(f"/api/interactions/{uuid4()}/stream/") as response:
            assert response.status == 404


async def test_one_that_may_read_asks_nothing_and_follows_answers(site: SiteServer, owner: User):
    _, token = await in_thread(tokens.create, owner=owner, name="a reader", scopes=["read"])
    made = await in_thread(make_interaction, owner, status="complete", final_response_text="Hello")
    async with aiohttp.ClientSession(site.url, headers={"Authorization": f"Bearer {token}"}) as program:
        async with program.post("/api/chat/", json={"message": "Hi"}) as response:
            assert (response.status, (await response.json())["code"]) == (403, "wrong_scope")
        async with program.get(f"/api/interactions/{made.pk}/stream/") as response:
            assert response.status == 200
    assert await in_thread(Interaction.objects.count) == 1
