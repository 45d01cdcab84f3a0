"""Links to a part of a session, and what they show to anybody."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from chat import sharing
from chat.models import ChatSession, Interaction, SharedLink
from tests.support.answers import make_answered, make_chain, make_interaction, make_running


def links_of(interaction: Interaction) -> str:
    return f"/api/sessions/{interaction.session_id}/links/"


def share(client: APIClient, interaction: Interaction, *, at: Interaction | None = None) -> Any:
    body = {"interaction_id": str(at.pk)} if at else {}
    return client.post(links_of(interaction), body, format="json")


def test_a_link_shows_the_path_to_anybody_and_nothing_of_who_asked(program: APIClient, nobody: APIClient, owner: User):
    first = make_answered(owner, "Why?", session=ChatSession.objects.create(owner=owner, title="My secret name"))
    second = make_answered(owner, "And then?", after=first, rating=1, rating_comment="between us")
    made = share(program, first)
    link = made.json()
    assert (made.status_code, link["interaction_id"], link["turns"]) == (201, str(second.pk), 2)
    response = nobody.get(link["api_url"])
    body = response.json()
    assert (body["title"], body["count"], body["next"], body["previous"]) == ("Why?", 2, None, None)
    assert body["results"] == [
        {
            "number": number,
            "query_text": one.query_text,
            "status": "complete",
            "final_response_text": one.final_response_text,
            "finish_reason": "",
        }
        for number, one in enumerate((first, second), 1)
    ]
    for secret in ("My secret name", owner.username, "between us", str(first.pk), str(first.session_id)):
        assert secret not in response.text
    assert response["X-Robots-Tag"] == "noindex, nofollow"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cache-Control"] == "no-store"


def test_what_is_asked_later_is_not_shown(program: APIClient, nobody: APIClient, owner: User):
    first = make_answered(owner, "first")
    url = share(program, first).json()["api_url"]
    make_answered(owner, "later", after=first)
    assert [one["query_text"] for one in nobody.get(url).json()["results"]] == ["first"]


def test_a_link_leads_down_to_the_turn_that_is_named(program: APIClient, nobody: APIClient, owner: User):
    first = make_answered(owner, "first")
    make_answered(owner, "second", after=first)
    link = share(program, first, at=first).json()
    assert (link["turns"], nobody.get(link["api_url"]).json()["count"]) == (1, 1)


def test_the_same_is_shared_once(program: APIClient, owner: User):
    first = make_answered(owner, "first")
    assert share(program, first).json() == share(program, first).json()
    assert SharedLink.objects.count() == 1


def test_the_links_of_a_session_are_listed_newest_first(program: APIClient, owner: User):
    first = make_answered(owner, "first")
    second = make_answered(owner, "second", after=first)
    make_answered(owner, "elsewhere")
    made = [share(program, first, at=one).json() for one in (first, second)]
    body = program.get(links_of(first)).json()
    assert body == {"results": made[::-1], "next": None, "previous": None}


def test_a_link_that_was_deleted_leads_nowhere(program: APIClient, nobody: APIClient, owner: User):
    first = make_answered(owner, "first")
    link = share(program, first).json()
    url = f"{links_of(first)}{link['token']}/"
    assert program.delete(url).status_code == 204
    assert program.delete(url).status_code == 404
    gone, never = nobody.get(link["api_url"]), nobody.get("/api/shared/never-was/")
    assert (gone.status_code, never.status_code) == (404, 404)
    assert gone.content == never.content


def test_a_link_is_deleted_with_its_session_alone(program: APIClient, strange_program: APIClient, owner: User):
    first, other = make_answered(owner, "first"), make_answered(owner, "other")
    token = share(program, first).json()["token"]
    for client, url in ((strange_program, f"{links_of(first)}{token}/"), (program, f"{links_of(other)}{token}/")):
        assert client.delete(url).status_code == 404
    assert SharedLink.objects.count() == 1


def test_a_deleted_chat_and_a_closed_account_are_not_shown(program: APIClient, nobody: APIClient, owner: User):
    first, second = make_answered(owner, "first"), make_answered(owner, "second")
    urls = [share(program, one).json()["api_url"] for one in (first, second)]
    program.delete(f"/api/sessions/{first.session_id}/")
    assert [nobody.get(url).status_code for url in urls] == [404, 200]
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert [nobody.get(url).status_code for url in urls] == [404, 404]


def test_what_is_not_finished_cannot_be_shared_yet(program: APIClient, owner: User):
    running = make_running(owner, "another")
    empty = make_interaction(owner, session=ChatSession.objects.create(owner=owner))
    empty.delete()
    for one in (running, empty):
        refused = share(program, one)
        assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_share")


def test_what_is_not_in_the_session_cannot_be_shared(program: APIClient, owner: User, stranger: User):
    first = make_answered(owner, "first")
    for elsewhere in (make_answered(owner, "elsewhere"), make_answered(stranger, "theirs")):
        assert share(program, first, at=elsewhere).status_code == 404
    for unusable in ("x", [1]):
        refused = program.post(links_of(first), {"interaction_id": unusable}, format="json")
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["interaction_id"])
    assert program.post(links_of(first), {"interaction_id": str(uuid4())}, format="json").status_code == 404


def test_a_session_has_so_many_links_and_no_more(program: APIClient, owner: User):
    *path, last = make_chain(owner, sharing.MOST_LINKS + 1)
    SharedLink.objects.bulk_create(SharedLink(session=last.session, leaf=one) for one in path)
    refused = share(program, last)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_links")


def test_a_long_conversation_has_pages(program: APIClient, nobody: APIClient, owner: User):
    *_, last = make_chain(owner, 120)
    url = share(program, last).json()["api_url"]
    numbers, following = [], url
    while following:
        body = nobody.get(following).json()
        numbers.append([one["number"] for one in body["results"]])
        following = body["next"]
    assert [(page[0], page[-1]) for page in numbers] == [(1, 50), (51, 100), (101, 120)]
    assert nobody.get(body["previous"]).json()["results"][0]["number"] == 51
    assert nobody.get(f"{url}?page=4").status_code == 404
    for page in ("0", "x", "1000000000"):
        refused = nobody.get(f"{url}?page={page}")
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["page"])


def test_an_answer_that_is_being_continued_is_empty_until_it_is_finished(
    program: APIClient, nobody: APIClient, owner: User
):
    first = make_answered(owner, "first")
    url = share(program, first).json()["api_url"]
    Interaction.objects.update(status="queued", final_response_text="")
    assert nobody.get(url).json()["results"][0]["status"] == "queued"
    assert nobody.get(url).json()["results"][0]["final_response_text"] == ""


def test_a_bad_token_beside_a_good_link_does_no_harm(program: APIClient, owner: User):
    url = share(program, make_answered(owner, "first")).json()["api_url"]
    broken = APIClient()
    broken.credentials(HTTP_AUTHORIZATION="Bearer nonsense")
    assert broken.get(url).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["%00", "x" * 500, "é", "a.b"])
def test_a_link_that_cannot_be_one_is_none(nobody: APIClient, token: str):
    assert nobody.get(f"/api/shared/{token}/").status_code == 404
