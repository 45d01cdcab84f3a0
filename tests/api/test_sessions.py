"""/api/sessions/ and /api/sessions/<uuid>/"""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from chat.models import ChatSession
from tests.support.answers import make_interaction


def make_sessions(owner: User, count: int) -> list[str]:
    """Ids of new sessions, the newest first."""
    return [str(ChatSession.objects.create(owner=owner, title=f"chat {n}").pk) for n in range(count)][::-1]


def pages(client: APIClient, url: str) -> list[list[dict[str, Any]]]:
    found = []
    following: str | None = url
    while following:
        body = client.get(following).json()
        assert set(body) == {"results", "next", "previous"}
        found.append(body["results"])
        following = body["next"]
    return found


def test_the_list_is_ones_own_newest_first_in_pages(program: APIClient, owner: User, stranger: User):
    ids = make_sessions(owner, 7)
    make_sessions(stranger, 2)
    found = pages(program, "/api/sessions/?page_size=3")
    assert [[one["id"] for one in page] for page in found] == [ids[:3], ids[3:6], ids[6:]]


def test_a_session_made_meanwhile_neither_repeats_nor_hides_another(program: APIClient, owner: User):
    ids = make_sessions(owner, 4)
    first = program.get("/api/sessions/?page_size=2").json()
    make_sessions(owner, 3)
    second = program.get(first["next"]).json()
    assert [one["id"] for one in first["results"] + second["results"]] == ids


def test_a_page_is_bounded(program: APIClient, owner: User):
    make_sessions(owner, 201)
    assert len(program.get("/api/sessions/").json()["results"]) == 50
    assert len(program.get("/api/sessions/?page_size=200").json()["results"]) == 200


def test_a_session_is_made_with_its_fields(program: APIClient, owner: User):
    given = {"title": "T", "system_prompt": "Be kind.", "parameters": {"temperature": 0.5}, "pinned": True}
    response = program.post("/api/sessions/", given, format="json")
    made = ChatSession.objects.get()
    assert response.status_code == 201
    assert response.json()["id"] == str(made.pk)
    assert {name: getattr(made, name) for name in given} == given
    assert made.owner == owner


def test_a_session_of_nothing_at_all_can_be_made(program: APIClient):
    assert program.post("/api/sessions/", {}, format="json").status_code == 201


def test_the_owner_and_the_times_cannot_be_given(program: APIClient, owner: User, stranger: User):
    given = {"owner": stranger.pk, "id": "00000000-0000-0000-0000-000000000000", "created": "2001-01-01"}
    program.post("/api/sessions/", given, format="json")
    made = ChatSession.objects.get()
    assert (made.owner, made.created.year > 2001, made.pk.int > 0) == (owner, True, True)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": "x" * 201}, "title"),
        ({"title": "a\x00"}, "title"),
        ({"system_prompt": "a\x00"}, "system_prompt"),
        ({"system_prompt": "x" * 200_001}, "system_prompt"),
        ({"parameters": {"nonsense": 1}}, "parameters"),
        ({"parameters": {"stop": ["\x00"]}}, "parameters"),
        ({"parameters": None}, "parameters"),
        ({"pinned": "perhaps"}, "pinned"),
    ],
)
def test_what_cannot_be_used_is_named(program: APIClient, owner: User, given: dict[str, Any], field: str):
    session = ChatSession.objects.create(owner=owner, title="before")
    for response in (
        program.post("/api/sessions/", given, format="json"),
        program.patch(f"/api/sessions/{session.pk}/", given, format="json"),
    ):
        assert (response.status_code, response.json()["code"]) == (400, "invalid")
        assert list(response.json()["errors"]) == [field]
    assert ChatSession.objects.get().title == "before"


def test_a_patch_changes_what_it_names_alone(program: APIClient, owner: User):
    made = ChatSession.objects.create(owner=owner, title="before", system_prompt="stays")
    response = program.patch(f"/api/sessions/{made.pk}/", {"title": "after"}, format="json")
    assert (response.status_code, response.json()["title"]) == (200, "after")
    made.refresh_from_db()
    assert (made.title, made.system_prompt) == ("after", "stays")


def test_a_deleted_session_is_gone_with_its_interactions(program: APIClient, owner: User):
    made = make_interaction(owner)
    url = f"/api/sessions/{made.session_id}/"
    assert program.delete(url).status_code == 204
    assert program.get(f"/api/interactions/{made.pk}/").status_code == 404
    assert program.get(url).status_code == 404
