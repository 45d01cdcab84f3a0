"""Questions that come at the same time are accepted by one statement: each as if it had come alone."""

from __future__ import annotations

import asyncio

import pytest
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chat import conversation
from chat.accepting import NoSuchAsker, Question, accept
from chat.admission import TooManyRunning
from chat.database import in_thread
from chat.models import ChatSession, Interaction, Status, uuid7
from chat.process import ChatProcess
from tests.support.answers import finished, make_interaction

LIMIT = 3


@pytest.fixture
def people(db: None) -> list[User]:
    return [User.objects.create(username=f"person{number}") for number in range(8)]


def question(owner: User, session: ChatSession | None = None, key: str = "") -> Question:
    return Question(owner.pk, session.pk if session else None, f"of {owner}", f"Title of {owner}", {"seed": 1}, key)


def test_each_gets_what_it_would_get_alone(people: list[User]):
    new, going_on, trespassing, gone, busy, repeating, customised, deleted = people
    earlier = {person: make_interaction(person, status=Status.COMPLETE) for person in (going_on, repeating, deleted)}
    ChatSession.objects.filter(owner=deleted).update(deleted=earlier[deleted].created)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    for _ in range(LIMIT):
        make_interaction(busy)
    Interaction.objects.filter(pk=earlier[repeating].pk).update(idempotency_key="again")
    customised.system_prompt, customised.parameters = "Be brief.", {"temperature": 0.1}
    customised.save()

    asked = [
        question(new),
        question(going_on, earlier[going_on].session),
        question(trespassing, earlier[going_on].session),
        question(gone),
        question(busy),
        question(repeating, key="again"),
        question(customised, key="once"),
        question(deleted, earlier[deleted].session),
    ]
    with CaptureQueriesContext(connection) as sent:
        outcomes = accept(asked, lease_owner="me", limit=LIMIT)
    assert len(sent) == 2, "one for all, and one for the question that was there already"

    kinds = [outcome if isinstance(outcome, Exception) else outcome[1] for outcome in outcomes]
    assert [type(kind) for kind in kinds] == [bool, bool, Http404, NoSuchAsker, TooManyRunning, bool, bool, Http404]
    begun, followed, twin, own = (outcomes[at][0] for at in (0, 1, 5, 6))  # type: ignore[index]
    assert (kinds[0], kinds[1], kinds[5], kinds[6]) == (True, True, False, True)
    assert twin == earlier[repeating]
    assert Interaction.objects.filter(lease_owner="me").count() == 3

    for person, made in ((new, begun), (going_on, followed), (customised, own)):
        saved = Interaction.objects.select_related("session").get(pk=made.pk)
        assert (saved.session.owner, saved.query_text, saved.parameters) == (person, f"of {person}", {"seed": 1})
        assert (made.session_id, made.parent_id, made.created) == (saved.session_id, saved.parent_id, saved.created)
        assert (made.session.title, made.session.parameters) == (saved.session.title, saved.session.parameters)
    assert begun.session.title == f"Title of {new}"
    assert followed.parent_id == earlier[going_on].pk
    assert (own.session.system_prompt, own.session.parameters) == ("Be brief.", {"temperature": 0.1})
    assert own.idempotency_key == "once"


def test_who_asks_in_a_strangers_session_changes_nothing_there(owner: User, stranger: User):
    session = make_interaction(owner, status=Status.COMPLETE).session
    ChatSession.objects.update(title="", archived=True)
    before = ChatSession.objects.values().get()
    [outcome] = accept([question(stranger, session)], lease_owner="", limit=LIMIT)
    assert isinstance(outcome, Http404)
    assert ChatSession.objects.values().get() == before


async def test_many_people_at_once_all_get_answers_of_their_own(process: ChatProcess, people: list[User]):
    asked = await asyncio.gather(
        *(conversation.ask_from_loop(owner_id=person.pk, query=f"I am {person}") for person in people for _ in range(3))
    )
    owners = [one.session.owner_id for one in asked]
    assert owners == [person.pk for person in people for _ in range(3)]
    assert [one.query_text for one in asked] == [f"I am {person}" for person in people for _ in range(3)]
    assert len({one.pk for one in asked}) == len({one.session_id for one in asked}) == len(asked)
    for one in asked:
        assert (await finished(process, one)).status == Status.COMPLETE


async def test_the_same_key_sent_twice_at_once_asks_once(process: ChatProcess, owner: User):
    asked = await asyncio.gather(
        *(conversation.ask_from_loop(owner_id=owner.pk, query="Once", idempotency_key="one") for _ in range(5))
    )
    assert len({one.pk for one in asked}) == 1
    assert await in_thread(Interaction.objects.count) == 1


async def test_one_question_that_cannot_be_kept_holds_up_nobody(process: ChatProcess, owner: User, stranger: User):
    """Text that no database takes is refused at the edge; should it ever get here, it fails alone."""
    fine, broken, lost = await asyncio.gather(
        conversation.ask_from_loop(owner_id=owner.pk, query="Fine"),
        conversation.ask_from_loop(owner_id=stranger.pk, query="a NUL: \x00"),
        conversation.ask_from_loop(owner_id=owner.pk, query="Where?", session_id=uuid7()),
        return_exceptions=True,
    )
    assert isinstance(fine, Interaction)
    assert isinstance(broken, Exception)
    assert isinstance(lost, Http404)
