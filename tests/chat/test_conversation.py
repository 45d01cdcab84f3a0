"""What people and programs do to conversations, as the domain sees it."""

from __future__ import annotations

import pytest
from django.http import Http404
from django.utils import timezone

from accounts.models import User
from chat import conversation, history
from chat.accepting import NoSuchAsker
from chat.context import Turn
from chat.models import ChatSession, Interaction, Status
from chat.parameters import ParameterError
from tests.support.answers import make_interaction


def answered(owner: User, query: str, *, after: Interaction | None = None, text: str = "") -> Interaction:
    """A finished interaction, the first of a session or the one after another."""
    session = after.session if after else None
    return make_interaction(
        owner,
        query,
        session=session,
        parent=after,
        status=Status.COMPLETE,
        final_response_text=text or f"answer to {query}",
    )


def test_a_first_question_names_its_session(owner: User):
    asked = conversation.ask(owner_id=owner.pk, query="  What is  new?\nTell me.")
    assert (asked.session.title, asked.session.owner, asked.parent) == ("What is  new?", owner, None)


def test_a_session_that_has_a_name_keeps_it_and_one_without_gets_one(owner: User):
    named, unnamed = (ChatSession.objects.create(owner=owner, title=title) for title in ("Named", ""))
    for session in (named, unnamed):
        conversation.ask(owner_id=owner.pk, query="Question", session_id=session.pk)
    named.refresh_from_db()
    unnamed.refresh_from_db()
    assert (named.title, unnamed.title) == ("Named", "Question")


def test_asking_moves_the_session_up(owner: User):
    session = ChatSession.objects.create(owner=owner)
    before = timezone.now()
    conversation.ask(owner_id=owner.pk, query="Question", session_id=session.pk)
    session.refresh_from_db()
    assert session.updated > before


def test_a_parameter_that_cannot_be_used_leaves_nothing_behind(owner: User):
    with pytest.raises(ParameterError, match="temperature"):
        conversation.ask(owner_id=owner.pk, query="x", parameters={"temperature": 99})
    assert not ChatSession.objects.exists()


def test_a_question_in_a_session_that_was_deleted_meanwhile_is_not_found(owner: User):
    session = ChatSession.objects.create(owner=owner)
    ChatSession.objects.all().delete()
    with pytest.raises(Http404):
        conversation.ask(owner_id=owner.pk, query="x", session_id=session.pk)


def test_asking_again_what_was_deleted_meanwhile_is_not_found(owner: User):
    made = answered(owner, "gone")
    Interaction.objects.all().delete()
    with pytest.raises(Http404):
        conversation.regenerate(interaction=made)
    with pytest.raises(Http404):
        conversation.delete_interaction(interaction=made)


def test_the_same_key_in_two_sessions_is_two_questions(owner: User):
    sessions = [ChatSession.objects.create(owner=owner) for _ in range(2)]
    asked = [
        conversation.ask(owner_id=owner.pk, query="x", session_id=one.pk, idempotency_key="key") for one in sessions
    ]
    assert asked[0].pk != asked[1].pk


def test_the_same_key_of_two_people_is_two_questions(owner: User, stranger: User):
    asked = [conversation.ask(owner_id=one.pk, query="x", idempotency_key="key") for one in (owner, stranger)]
    assert asked[0].pk != asked[1].pk
    assert asked[1].session.owner == stranger


def test_an_empty_key_is_no_key(owner: User):
    session = ChatSession.objects.create(owner=owner)
    for _ in range(2):
        conversation.ask(owner_id=owner.pk, query="x", session_id=session.pk, idempotency_key="")
    assert session.interactions.count() == 2


def test_deleting_in_the_middle_joins_the_ends(owner: User):
    first = answered(owner, "first")
    second = answered(owner, "second", after=first)
    branches = [answered(owner, f"branch {number}", after=second) for number in range(2)]
    conversation.delete_interaction(interaction=second)
    for one in branches:
        one.refresh_from_db()
        assert one.parent == first


def test_deleting_the_first_makes_the_next_one_the_first(owner: User):
    first = answered(owner, "first")
    second = answered(owner, "second", after=first)
    conversation.delete_interaction(interaction=first)
    second.refresh_from_db()
    assert second.parent is None


def test_deleting_two_neighbours_from_two_tabs_leaves_no_loose_end(owner: User):
    """Both tabs had read the tree before either deleted."""
    first = answered(owner, "first")
    second = answered(owner, "second", after=first)
    third = answered(owner, "third", after=second)
    conversation.delete_interaction(interaction=first)
    conversation.delete_interaction(interaction=second)
    third.refresh_from_db()
    assert third.parent is None


# The tree


def test_the_path_leads_from_the_root_to_the_leaf_past_all_branches(owner: User):
    root = answered(owner, "root")
    first, second = answered(owner, "first", after=root), answered(owner, "second", after=root)
    leaf = answered(owner, "leaf", after=first)
    assert history.path(leaf, limit=10) == [root, first, leaf]
    assert history.path(second, limit=10) == [root, second]
    assert history.path(leaf, limit=2) == [first, leaf]
    assert history.path(None, limit=10) == []


def test_the_newest_interaction_is_the_end_of_the_path_that_is_shown(owner: User):
    root = answered(owner, "root")
    answered(owner, "first", after=root)
    second = answered(owner, "second", after=root)
    assert history.newest(root.session) == second


def test_a_run_starts_from_the_answered_turns_before_it_alone(owner: User):
    first = answered(owner, "first")
    failed = make_interaction(owner, "failed", session=first.session, parent=first, status=Status.FAILED)
    answered(owner, "a branch", after=first)
    made = make_interaction(owner, "now", session=first.session, parent=failed)
    loaded = history.load_run(made.pk)
    assert loaded is not None
    assert loaded.turns == [Turn("first", "answer to first")]
    assert (loaded.logged, loaded.parent_unfinished) == ("", False)


def test_a_run_knows_that_the_answer_before_it_is_not_there_yet(owner: User):
    first = make_interaction(owner, "first")
    made = make_interaction(owner, "second", session=first.session, parent=first)
    loaded = history.load_run(made.pk)
    assert loaded is not None
    assert loaded.parent_unfinished


def test_a_run_of_a_deleted_interaction_has_nothing_to_start_from(owner: User):
    made = make_interaction(owner)
    pk = made.pk
    made.delete()
    assert history.load_run(pk) is None


@pytest.mark.parametrize("deleted", [False, True])
def test_an_account_that_was_deactivated_or_deleted_asks_nothing(deleted: bool, owner: User):
    owner_id = owner.pk
    if deleted:
        owner.delete()
    else:
        User.objects.update(is_active=False)
    with pytest.raises(NoSuchAsker):
        conversation.ask(owner_id=owner_id, query="x")
    assert not Interaction.objects.exists()
