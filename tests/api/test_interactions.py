"""Interactions: read, delete, stop, regenerate."""

from __future__ import annotations

from rest_framework.test import APIClient

from accounts.models import User
from chat.models import Interaction, Status
from tests.support.answers import make_interaction, make_running


def test_the_list_of_a_session_is_newest_first(program: APIClient, owner: User):
    first = make_interaction(owner, "first")
    second = make_interaction(owner, "second", session=first.session, parent=first)
    make_interaction(owner, "elsewhere")
    body = program.get(f"/api/sessions/{first.session_id}/interactions/").json()
    assert [one["id"] for one in body["results"]] == [str(second.pk), str(first.pk)]
    assert (body["next"], body["previous"]) == (None, None)
    assert body["results"][0]["parent_id"] == str(first.pk)


def test_an_interaction_is_read_with_the_names_of_its_data(program: APIClient, owner: User):
    made = make_interaction(
        owner,
        "Hi <b>",
        status=Status.COMPLETE,
        final_response_text="# Hello",
        generated_tokens=3,
        seed=2**63 - 1,
    )
    body = program.get(f"/api/interactions/{made.pk}/").json()
    assert (body["query_text"], body["final_response_text"]) == ("Hi <b>", "# Hello")
    assert (body["status"], body["generated_tokens"], body["seed"]) == ("complete", 3, 2**63 - 1)
    assert body["session_id"] == str(made.session_id)
    assert not {"lease_owner", "attempts", "stop_requested", "idempotency_key"} & set(body)


def test_deleting_an_interaction_joins_the_ends(program: APIClient, owner: User):
    first = make_interaction(owner, "first")
    second = make_interaction(owner, "second", session=first.session, parent=first)
    third = make_interaction(owner, "third", session=first.session, parent=second)
    assert program.delete(f"/api/interactions/{second.pk}/").status_code == 204
    third.refresh_from_db()
    assert third.parent == first
    assert Interaction.objects.count() == 2


def test_a_stop_is_noted_for_whichever_process_answers(program: APIClient, owner: User):
    made = make_running(owner, "another")
    response = program.post(f"/api/interactions/{made.pk}/stop/")
    assert (response.status_code, response.json()["id"]) == (202, str(made.pk))
    made.refresh_from_db()
    assert made.stop_requested


def test_stopping_a_finished_answer_changes_nothing(program: APIClient, owner: User):
    made = make_interaction(owner, status=Status.COMPLETE)
    assert program.post(f"/api/interactions/{made.pk}/stop/").status_code == 202
    made.refresh_from_db()
    assert (made.status, made.stop_requested) == ("complete", False)


def test_regenerating_makes_a_sibling(program: APIClient, owner: User):
    root = make_interaction(owner, "root")
    made = make_interaction(
        owner, "again?", session=root.session, parent=root, parameters={"top_p": 0.5}, status=Status.COMPLETE
    )
    response = program.post(f"/api/interactions/{made.pk}/regenerate/")
    again = Interaction.objects.get(pk=response.json()["id"])
    assert response.status_code == 202
    assert (again.parent, again.session, again.query_text) == (root, root.session, "again?")
    assert (again.parameters, again.status, again.pk != made.pk) == ({"top_p": 0.5}, "queued", True)
