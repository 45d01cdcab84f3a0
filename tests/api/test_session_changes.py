"""What programs do to sessions as a whole: with ETags, with presets, several at once, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from chat import presets, purging
from chat.models import ChatSession, Preset
from tests.api.conftest import program_of
from tests.support.answers import make_interaction, make_running
from tests.support.locks import until_waiting


@pytest.fixture
def session(owner: User) -> ChatSession:
    return ChatSession.objects.create(owner=owner, title="before", system_prompt="Be kind.")


def url_of(session: ChatSession) -> str:
    return f"/api/sessions/{session.pk}/"


def etag_of(client: APIClient, url: str) -> str:
    etag: str = client.get(url)["ETag"]
    return etag


# ETags ---------------------------------------------------------------------------------------------------------------


def test_who_has_it_already_is_sent_nothing(program: APIClient, session: ChatSession):
    etag = etag_of(program, url_of(session))
    for given in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        response = program.get(url_of(session), headers={"If-None-Match": given})
        assert (response.status_code, response.content, response["ETag"]) == (304, b"", etag)
    assert program.get(url_of(session), headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [{"title": "x"}, {"system_prompt": "x"}, {"parameters": {"seed": 1}}, {"pinned": True}, {"archived": True}],
)
def test_whatever_changes_changes_the_etag(program: APIClient, session: ChatSession, changes: dict[str, Any]):
    before = etag_of(program, url_of(session))
    changed = program.patch(url_of(session), changes, format="json")
    assert changed["ETag"] == etag_of(program, url_of(session)) != before


def test_a_question_changes_the_etag(program: APIClient, session: ChatSession):
    before = etag_of(program, url_of(session))
    ChatSession.objects.filter(pk=session.pk).update(updated=timezone.now())
    assert etag_of(program, url_of(session)) != before


def test_a_change_of_what_was_read_is_made(program: APIClient, session: ChatSession):
    for pattern in ("{}", "W/{}", '"other", {}', "*"):
        given = {"If-Match": pattern.format(etag_of(program, url_of(session)))}
        assert program.patch(url_of(session), {"title": pattern}, format="json", headers=given).status_code == 200


def test_a_change_of_what_was_changed_meanwhile_is_refused_with_the_etag_of_what_is_there(
    program: APIClient, session: ChatSession
):
    stale = etag_of(program, url_of(session))
    program.patch(url_of(session), {"title": "theirs"}, format="json")
    refusals = [
        program.patch(url_of(session), {"title": "mine"}, format="json", headers={"If-Match": stale}),
        program.delete(url_of(session), headers={"If-Match": stale}),
    ]
    for refused in refusals:
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
        assert "If-Match" in refused.json()["detail"]
        assert refused["ETag"] == etag_of(program, url_of(session))
    session.refresh_from_db()
    assert (session.title, session.deleted) == ("theirs", None)


def test_without_a_precondition_the_last_one_wins(program: APIClient, session: ChatSession):
    for title in ("first", "second"):
        assert program.patch(url_of(session), {"title": title}, format="json").status_code == 200
    session.refresh_from_db()
    assert session.title == "second"


@pytest.mark.parametrize("given", ["unquoted", "", '"open', "W/"])
def test_a_precondition_that_cannot_be_read_is_not_passed_over(program: APIClient, session: ChatSession, given: str):
    for response in (
        program.patch(url_of(session), {"title": "x"}, format="json", headers={"If-Match": given}),
        program.delete(url_of(session), headers={"If-Match": given}),
    ):
        assert (response.status_code, response.json()["code"]) == (412, "precondition_failed")
    session.refresh_from_db()
    assert (session.title, session.deleted) == ("before", None)


def test_a_deletion_of_what_was_read_is_made(program: APIClient, session: ChatSession):
    given = {"If-Match": etag_of(program, url_of(session))}
    assert program.delete(url_of(session), headers=given).status_code == 204


def at_once(session: ChatSession, *calls: Callable[[], Any]) -> list[Any]:
    """Make the calls when all of them wait for the session."""

    def call(one: Callable[[], Any]) -> Any:
        try:
            return one()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        with transaction.atomic():
            ChatSession.objects.select_for_update().get(pk=session.pk)
            answers = [threads.submit(call, one) for one in calls]
            until_waiting(len(calls))
        return [one.result() for one in answers]


@pytest.mark.django_db(transaction=True)
def test_of_two_that_change_the_same_at_once_one_is_told_that_it_comes_too_late(owner: User, session: ChatSession):
    programs = [program_of(owner) for _ in range(4)]
    given = {"If-Match": etag_of(programs[0], url_of(session))}

    def change(number: int) -> Callable[[], Any]:
        return lambda: programs[number].patch(url_of(session), {"title": str(number)}, format="json", headers=given)

    answers = at_once(session, *(change(number) for number in range(4)))
    assert sorted(one.status_code for one in answers) == [200, 412, 412, 412]
    [winner] = [number for number, one in enumerate(answers) if one.status_code == 200]
    session.refresh_from_db()
    assert session.title == str(winner)


@pytest.mark.django_db(transaction=True)
def test_what_is_changed_while_it_is_deleted_is_not_deleted_unseen(owner: User, session: ChatSession):
    writer, deleter = program_of(owner), program_of(owner)
    given = {"If-Match": etag_of(writer, url_of(session))}
    answers = at_once(
        session,
        lambda: writer.patch(url_of(session), {"title": "kept"}, format="json", headers=given),
        lambda: deleter.delete(url_of(session), headers=given),
    )
    session.refresh_from_db()
    # Whichever came first, the other one knows of it.
    changed, deleted = (one.status_code for one in answers)
    assert (changed, deleted, bool(session.deleted)) in {(200, 412, False), (404, 204, True)}


@pytest.mark.django_db(transaction=True)
def test_two_changes_of_different_fields_at_once_are_both_made(owner: User, session: ChatSession):
    one, other = program_of(owner), program_of(owner)
    at_once(
        session,
        lambda: one.patch(url_of(session), {"title": "new"}, format="json"),
        lambda: other.patch(url_of(session), {"system_prompt": "New."}, format="json"),
    )
    session.refresh_from_db()
    assert (session.title, session.system_prompt) == ("new", "New.")


# What is given -------------------------------------------------------------------------------------------------------


def test_a_new_session_begins_as_the_owners_others_do(program: APIClient, owner: User):
    presets.change_defaults(user=owner, system_prompt="Be brief.", parameters={"top_p": 0.5})
    plain = program.post("/api/sessions/", {}, format="json")
    assert (plain.json()["system_prompt"], plain.json()["parameters"]) == ("Be brief.", {"top_p": 0.5})
    chosen = program.post("/api/sessions/", {"system_prompt": "", "parameters": {}}, format="json")
    assert (chosen.json()["system_prompt"], chosen.json()["parameters"]) == ("", {})
    assert plain["Location"] == f"/api/sessions/{plain.json()['id']}/"
    assert plain["ETag"] == etag_of(program, plain["Location"])


def test_a_preset_gives_what_it_has_unless_something_else_is_given_beside_it(
    program: APIClient, owner: User, session: ChatSession
):
    preset = presets.make(owner=owner, name="Terse", system_prompt="Be terse.", parameters={"seed": 3})
    made = program.post("/api/sessions/", {"preset_id": str(preset.pk), "title": "T"}, format="json").json()
    assert (made["title"], made["system_prompt"], made["parameters"]) == ("T", "Be terse.", {"seed": 3})
    given = {"preset_id": str(preset.pk), "parameters": {"seed": 4}}
    changed = program.patch(url_of(session), given, format="json").json()
    assert (changed["title"], changed["system_prompt"]) == ("before", "Be terse.")
    assert changed["parameters"] == {"seed": 4}


def test_a_preset_of_somebody_else_is_none(program: APIClient, owner: User, stranger: User, session: ChatSession):
    theirs = presets.make(owner=stranger, name="Theirs", system_prompt="Secret.", parameters={})
    for preset_id in (theirs.pk, uuid4()):
        given = {"preset_id": str(preset_id), "title": "x"}
        for response in (
            program.post("/api/sessions/", given, format="json"),
            program.patch(url_of(session), given, format="json"),
        ):
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert list(ChatSession.objects.values_list("title", "system_prompt")) == [("before", "Be kind.")]
    assert Preset.objects.count() == 1


@pytest.mark.parametrize(
    ("before", "given", "after"),
    [
        ({"pinned": True}, {"archived": True}, (False, True)),
        ({"archived": True}, {"pinned": True}, (True, False)),
        ({}, {"pinned": True, "archived": True}, (False, True)),
        ({"archived": True}, {"pinned": False}, (False, True)),
        ({"pinned": True}, {"archived": False}, (True, False)),
    ],
)
def test_what_is_archived_is_not_pinned(
    program: APIClient, owner: User, before: dict[str, bool], given: dict[str, bool], after: tuple[bool, bool]
):
    made = ChatSession.objects.create(owner=owner, **before)
    body = program.patch(url_of(made), given, format="json").json()
    assert (body["pinned"], body["archived"]) == after


def test_a_patch_of_nothing_changes_nothing(program: APIClient, session: ChatSession):
    before = etag_of(program, url_of(session))
    assert program.patch(url_of(session), {}, format="json")["ETag"] == before


# Taken back ----------------------------------------------------------------------------------------------------------


def test_a_deletion_can_be_taken_back(program: APIClient, session: ChatSession, owner: User):
    inside = make_interaction(owner, session=session)
    program.delete(url_of(session))
    response = program.post(f"{url_of(session)}undelete/")
    assert (response.status_code, response.json()["title"]) == (200, "before")
    assert response["ETag"] == etag_of(program, url_of(session))
    assert program.get(f"/api/interactions/{inside.pk}/").status_code == 200


def test_what_was_not_deleted_or_is_gone_for_good_cannot_be_taken_back(program: APIClient, session: ChatSession):
    assert program.post(f"{url_of(session)}undelete/").status_code == 404
    program.delete(url_of(session))
    long_ago = timezone.now() - purging.UNDO_FOR - timedelta(seconds=1)
    ChatSession.objects.filter(pk=session.pk).update(deleted=long_ago)
    assert purging.purge() == 1
    assert program.post(f"{url_of(session)}undelete/").status_code == 404


def test_nobody_takes_back_what_somebody_else_deleted(
    program: APIClient, strange_program: APIClient, session: ChatSession
):
    program.delete(url_of(session))
    assert strange_program.post(f"{url_of(session)}undelete/").status_code == 404
    body = {"ids": [str(session.pk)], "action": "undelete"}
    assert strange_program.post("/api/sessions/bulk/", body, format="json").json() == {"count": 0}
    assert program.get(url_of(session)).status_code == 404


def test_a_deletion_stops_what_is_being_written(program: APIClient, owner: User):
    running = make_running(owner, "another")
    program.delete(f"/api/sessions/{running.session_id}/")
    running.refresh_from_db()
    assert running.stop_requested


# Several at once ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("pin", {"archived": True}, {"pinned": True, "archived": False}),
        ("unpin", {"pinned": True}, {"pinned": False}),
        ("archive", {"pinned": True}, {"archived": True, "pinned": False}),
        ("unarchive", {"archived": True}, {"archived": False}),
    ],
)
def test_the_same_is_done_to_several_and_to_nobody_elses(  # noqa: PLR0917 - fixtures
    program: APIClient, owner: User, stranger: User, action: str, before: dict[str, bool], after: dict[str, bool]
):
    mine = [ChatSession.objects.create(owner=owner, **before) for _ in range(3)]
    theirs = ChatSession.objects.create(owner=stranger, **before)
    ids = [str(one.pk) for one in (*mine[:2], theirs)] + [str(uuid4())]
    response = program.post("/api/sessions/bulk/", {"ids": ids, "action": action}, format="json")
    assert (response.status_code, response.json()) == (200, {"count": 2})
    for one in mine[:2]:
        one.refresh_from_db()
        assert {name: getattr(one, name) for name in after} == after
    for one in (mine[2], theirs):
        one.refresh_from_db()
        assert {name: getattr(one, name) for name in before} == before


def test_several_are_deleted_and_taken_back(program: APIClient, owner: User):
    ids = [str(ChatSession.objects.create(owner=owner).pk) for _ in range(3)]
    for action, left in (("delete", 1), ("undelete", 3)):
        response = program.post("/api/sessions/bulk/", {"ids": ids[:2], "action": action}, format="json")
        assert response.json() == {"count": 2}
        assert len(program.get("/api/sessions/").json()["results"]) == left


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"action": "pin"}, "ids"),
        ({"ids": [], "action": "pin"}, "ids"),
        ({"ids": ["x"], "action": "pin"}, "ids"),
        ({"ids": [str(uuid4())] * 1001, "action": "pin"}, "ids"),
        ({"ids": [str(uuid4())]}, "action"),
        ({"ids": [str(uuid4())], "action": "burn"}, "action"),
    ],
)
def test_what_cannot_be_done_to_several_is_named(program: APIClient, given: dict[str, Any], field: str):
    response = program.post("/api/sessions/bulk/", given, format="json")
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    if given.get("action") == "burn":
        assert "pin, unpin, archive, unarchive, delete, undelete" in response.json()["errors"]["action"][0]
