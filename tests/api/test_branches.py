"""The tree of a session over REST: branches, variants and paths through it; and what is said about answers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import User
from chat.database import in_thread
from chat.models import ChatSession, Interaction, Status
from tests.api.conftest import program_of
from tests.support.answers import make_answered, make_chain, make_interaction, make_running
from tests.support.locks import until_waiting
from tests.support.site_server import SiteServer
from tests.support.sse import events
from tests.support.stub_tgi import StubTgi


def url_of(interaction: Interaction, action: str = "") -> str:
    return f"/api/interactions/{interaction.pk}/" + (f"{action}/" if action else "")


def post(client: APIClient, url: str, body: Any = None, **headers: str) -> Any:
    return client.post(url, body, format="json", headers=headers)


# Editing, and asking again -------------------------------------------------------------------------------------------


def test_an_edited_question_is_a_branch_beside_the_first(program: APIClient, owner: User):
    root = make_answered(owner, "root")
    first = make_answered(owner, "first", after=root, parameters={"top_p": 0.5})
    response = post(program, url_of(first, "edit"), {"message": "second"})
    made = Interaction.objects.get(pk=response.json()["id"])
    assert (response.status_code, response["Location"]) == (202, url_of(made))
    assert (made.parent, made.query_text, made.parameters, made.status) == (root, "second", {"top_p": 0.5}, "queued")
    first.refresh_from_db()
    assert first.final_response_text == "answer to first"


@pytest.mark.parametrize(
    ("given", "says"),
    [({}, "required"), ({"message": " "}, "blank"), ({"message": "a\x00"}, "Null"), ({"message": None}, "null")],
)
def test_a_question_that_cannot_be_asked_is_named(program: APIClient, owner: User, given: dict[str, Any], says: str):
    made = make_answered(owner, "first")
    response = post(program, url_of(made, "edit"), given)
    assert response.status_code == 400
    assert says in response.json()["errors"]["message"][0]
    assert Interaction.objects.count() == 1


@pytest.mark.parametrize(("action", "body"), [("regenerate", None), ("edit", {"message": "other"})])
def test_the_same_key_asks_again_once(program: APIClient, owner: User, action: str, body: Any):
    made = make_answered(owner, "first")
    key = {"Idempotency-Key": "one"}
    ids = [post(program, url_of(made, action), body, **key).json()["id"] for _ in range(3)]
    assert len(set(ids)) == 1
    other = post(program, url_of(made, action), body, **{"Idempotency-Key": "two"})
    assert other.json()["id"] not in ids
    too_long = post(program, url_of(made, action), body, **{"Idempotency-Key": "k" * 201})
    assert (too_long.status_code, list(too_long.json()["errors"])) == (400, ["Idempotency-Key"])
    assert Interaction.objects.count() == 3


async def test_a_question_can_follow_any_turn(site: SiteServer, owner: User, stub: StubTgi):
    async with site.program(owner) as client:
        first = await asked(client, {"message": "first"})
        second = await asked(client, {"message": "second", "session_id": first["session_id"]})
        branch = {"message": "branch", "session_id": first["session_id"], "parent_id": first["interaction_id"]}
        branched = await asked(client, branch)
        # The turn alone says which session it is in.
        alone = await asked(client, {"message": "alone", "parent_id": second["interaction_id"]})
    assert {one["session_id"] for one in (second, branched, alone)} == {first["session_id"]}
    assert [one["content"] for one in stub.requests[2]["messages"]] == ["first", "Hello, world.", "branch"]
    made = await in_thread(Interaction.objects.get, pk=alone["interaction_id"])
    assert str(made.parent_id) == second["interaction_id"]


async def asked(client: aiohttp.ClientSession, body: Any, status: int = 200) -> dict[str, Any]:
    async with client.post("/api/chat/", json=body) as response:
        found: dict[str, Any] = await response.json(content_type=None)
        assert response.status == status, found
        return found


async def test_what_is_not_there_or_somebody_elses_cannot_be_followed(
    site: SiteServer, owner: User, stranger: User, stub: StubTgi
):
    theirs = await in_thread(make_answered, stranger, "secret")
    mine = await in_thread(make_answered, owner, "mine")
    async with site.program(owner) as client:
        for parent_id in (theirs.pk, uuid4()):
            body = {"message": "x", "session_id": str(mine.session_id), "parent_id": str(parent_id)}
            refused = await asked(client, body, 404)
            assert refused["code"] == "nothing_to_follow"
            alone = await asked(client, {"message": "x", "parent_id": str(parent_id)}, 404)
            assert alone["code"] == "not_found"
    assert stub.requests == []


def test_nothing_is_asked_after_a_turn_by_who_may_only_read(owner: User):
    _, token = tokens.create(owner=owner, name="reader", scopes=["read"])
    reader = APIClient()
    reader.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    made = make_answered(owner, "first")
    assert reader.get(url_of(made)).status_code == 200
    for action, body in (("edit", {"message": "x"}), ("rate", {"rating": 1}), ("regenerate", None)):
        assert post(reader, url_of(made, action), body).status_code == 403
    assert Interaction.objects.count() == 1


# Too long for the model ----------------------------------------------------------------------------------------------


@pytest.fixture
async def small(site: SiteServer, stub: StubTgi, owner: User) -> SiteServer:
    """A model with a window of 2,000 words, which the site knows."""
    stub.behaviour.max_total_tokens = stub.behaviour.max_input_tokens = 2000
    async with site.program(owner) as client:
        await asked(client, {"message": "first"})
    return site


LONG = " ".join(["word"] * 1500)


async def test_a_question_that_is_too_long_is_refused_with_the_numbers(small: SiteServer, owner: User, stub: StubTgi):
    before = len(stub.requests)
    async with small.program(owner) as client:
        for body in ({"message": LONG}, {"message": LONG, "stream": True}):
            refused = await asked(client, body, 400)
            assert (refused["code"], refused["tokens"], refused["limit"]) == ("too_long", 1504, 1500)
            assert "1504 tokens, and 1500 fit" in refused["detail"]
        # Less room for the answer leaves more for the question.
        fits = await asked(client, {"message": LONG, "parameters": {"max_tokens": 100}})
        assert fits["status"] == "complete"
    assert len(stub.requests) == before + 1


async def test_a_question_made_too_long_by_editing_is_refused(small: SiteServer, owner: User):
    made = await in_thread(Interaction.objects.get)
    async with small.program(owner) as client, client.post(url_of(made, "edit"), json={"message": LONG}) as response:
        refused = await response.json(content_type=None)
    assert (response.status, refused["code"], refused["limit"]) == (400, "too_long", 1500)
    assert await in_thread(Interaction.objects.count) == 1


# Variants, and paths -------------------------------------------------------------------------------------------------


def test_an_interaction_names_its_variants(program: APIClient, owner: User):
    root = make_answered(owner, "root")
    siblings = [make_answered(owner, f"{number}", after=root) for number in range(3)]
    other_root = make_answered(owner, "other root", session=root.session)
    make_answered(owner, "elsewhere")
    ids = [str(one.pk) for one in siblings]
    assert [program.get(url_of(one)).json()["variants"] for one in siblings] == [ids] * 3
    assert program.get(url_of(root)).json()["variants"] == [str(root.pk), str(other_root.pk)]


def walk(client: APIClient, url: str | None) -> list[list[str]]:
    found = []
    while url:
        body = client.get(url).json()
        assert body["previous"] is None
        found.append([one["query_text"] for one in body["results"]])
        url = body["next"]
    return found


def test_a_path_is_one_conversation_of_the_tree_in_pages(program: APIClient, owner: User):
    *_, last = chain = make_chain(owner, 5)
    make_answered(owner, "branch", after=chain[2])
    url = f"/api/sessions/{last.session_id}/interactions/?path_to="
    names = [f"question {number}." for number in range(5)]
    assert walk(program, f"{url}{last.pk}&page_size=2") == [names[4:2:-1], names[2:0:-1], names[:1]]
    assert walk(program, f"{url}{chain[1].pk}") == [names[1::-1]]


def test_a_path_to_what_is_not_in_the_session_is_none(program: APIClient, owner: User, stranger: User):
    made, elsewhere = make_answered(owner, "here"), make_answered(owner, "elsewhere")
    theirs = make_answered(stranger, "theirs")
    url = f"/api/sessions/{made.session_id}/interactions/?path_to="
    for interaction_id in (elsewhere.pk, theirs.pk, uuid4()):
        assert program.get(f"{url}{interaction_id}").status_code == 404
    refused = program.get(f"{url}nonsense")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["path_to"])


def test_a_page_of_a_path_costs_few_statements(program: APIClient, owner: User, django_assert_max_num_queries: Any):
    *_, last = make_chain(owner, 60)
    with django_assert_max_num_queries(6):
        program.get(f"/api/sessions/{last.session_id}/interactions/?path_to={last.pk}")


# Ratings -------------------------------------------------------------------------------------------------------------


def test_an_answer_is_rated_and_why_is_kept_until_something_else_is_said(program: APIClient, owner: User):
    made = make_answered(owner, "first")
    steps: list[tuple[dict[str, Any], tuple[int | None, str]]] = [
        ({"rating": 1, "comment": "Good."}, (1, "Good.")),
        ({"rating": -1}, (-1, "Good.")),
        ({"rating": None, "comment": ""}, (None, "")),
    ]
    for given, after in steps:
        response = post(program, url_of(made, "rate"), given)
        assert response.status_code == 200
        assert (response.json()["rating"], response.json()["rating_comment"]) == after
        assert response["ETag"] == program.get(url_of(made))["ETag"]
        made.refresh_from_db()
        assert (made.rating, made.rating_comment) == after


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "rating"),
        ({"rating": 2}, "rating"),
        ({"rating": "good"}, "rating"),
        ({"rating": 1, "comment": "x" * 2001}, "comment"),
        ({"rating": 1, "comment": "a\x00"}, "comment"),
    ],
)
def test_a_rating_that_is_none_is_named(program: APIClient, owner: User, given: dict[str, Any], field: str):
    made = make_answered(owner, "first")
    response = post(program, url_of(made, "rate"), given)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    made.refresh_from_db()
    assert (made.rating, made.rating_comment) == (None, "")


def test_an_answer_that_is_being_written_is_not_rated_yet(program: APIClient, owner: User):
    response = post(program, url_of(make_running(owner, "another"), "rate"), {"rating": 1})
    assert (response.status_code, response.json()["code"]) == (409, "not_finished")


def test_who_has_an_interaction_already_is_sent_nothing_until_it_changes(program: APIClient, owner: User):
    made = make_answered(owner, "first")
    etag = program.get(url_of(made))["ETag"]
    assert program.get(url_of(made), headers={"If-None-Match": etag}).status_code == 304
    post(program, url_of(made, "rate"), {"rating": 1})
    rated = program.get(url_of(made), headers={"If-None-Match": etag})
    assert rated.status_code == 200
    make_answered(owner, "sibling", session=made.session)
    assert program.get(url_of(made), headers={"If-None-Match": rated["ETag"]}).status_code == 200


def test_what_was_changed_meanwhile_is_neither_rated_nor_deleted(program: APIClient, owner: User):
    made = make_answered(owner, "first")
    stale = {"If-Match": program.get(url_of(made))["ETag"]}
    post(program, url_of(made, "rate"), {"rating": -1})
    refusals = [
        program.post(url_of(made, "rate"), {"rating": 1}, format="json", headers=stale),
        program.delete(url_of(made), headers=stale),
    ]
    for refused in refusals:
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    made.refresh_from_db()
    assert made.rating == -1
    fresh = {"If-Match": refusals[0]["ETag"]}
    assert program.delete(url_of(made), headers=fresh).status_code == 204


@pytest.mark.django_db(transaction=True)
def test_of_two_that_rate_the_same_at_once_one_is_told_that_it_comes_too_late(owner: User):
    made = make_answered(owner, "first")
    etag = {"If-Match": program_of(owner).get(url_of(made))["ETag"]}

    def rate(rating: int) -> Callable[[], int]:
        def call() -> int:
            try:
                url = url_of(made, "rate")
                return program_of(owner).post(url, {"rating": rating}, format="json", headers=etag).status_code
            finally:
                connection.close()

        return call

    with ThreadPoolExecutor(2) as threads:
        with transaction.atomic():
            Interaction.objects.select_for_update().get(pk=made.pk)
            answers = [threads.submit(rate(one)) for one in (1, -1)]
            until_waiting(2)
        statuses = [one.result() for one in answers]
    made.refresh_from_db()
    assert sorted(statuses) == [200, 412]
    assert made.rating == (1, -1)[statuses.index(200)]


# What is told of an answer -------------------------------------------------------------------------------------------


def test_how_fast_an_answer_was_is_told(program: APIClient, owner: User):
    made = make_answered(owner, "first", generated_tokens=101, first_token_ms=500, duration_ms=2500)
    assert program.get(url_of(made)).json()["tokens_per_second"] == 50.0
    assert program.get(url_of(make_interaction(owner))).json()["tokens_per_second"] is None


async def test_a_stream_ends_with_all_that_is_told_of_an_answer(site: SiteServer, owner: User):
    async with site.program(owner) as client:
        async with client.post("/api/chat/", json={"message": "first", "stream": True}) as response:
            last = [one async for one in events(response)][-1].json()
        async with client.get(f"/api/interactions/{last['id']}/") as response:
            read = await response.json()
    assert last["rating_comment"] == ""
    assert {name: value for name, value in read.items() if name != "variants"} == last


def test_interactions_are_listed_by_when_they_were_asked(program: APIClient, owner: User):
    """Of a chat that was imported the ids are new and the times are old."""
    session = ChatSession.objects.create(owner=owner)
    late, early = (make_interaction(owner, name, session=session, status=Status.COMPLETE) for name in ("late", "early"))
    Interaction.objects.filter(pk=early.pk).update(created="2001-01-01T00:00:00Z")
    url = f"/api/sessions/{session.pk}/interactions/"
    first = program.get(f"{url}?page_size=1").json()
    assert [one["id"] for one in first["results"]] == [str(late.pk)]
    second = program.get(first["next"]).json()
    assert [one["id"] for one in second["results"]] == [str(early.pk)]
    assert program.get(second["previous"]).json()["results"] == first["results"]
