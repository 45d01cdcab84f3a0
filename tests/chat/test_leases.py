"""Leases: at any time one process, and one alone, may write an answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from chat import leases
from chat.leases import LEASE_S, Ended, Progress
from chat.models import Interaction, ResponseChunk, Status
from tests.support.answers import make_interaction, make_running, move_lease, read_log_of


def progress(interaction: Interaction, text: str = "", *, start: int = 0) -> Progress:
    return Progress(interaction.pk, Status.GENERATING, start, text)


def test_an_answer_without_a_lease_is_taken_by_the_first_who_looks(owner: User):
    made = make_interaction(owner)
    assert leases.take_over(owner="a", limit=9) == [made.pk]
    assert leases.take_over(owner="b", limit=9) == []
    made.refresh_from_db()
    assert (made.lease_owner, made.attempts) == ("a", 1)
    assert made.lease_expires_at is not None
    left = (made.lease_expires_at - timezone.now()).total_seconds()
    assert LEASE_S - 5 < left <= LEASE_S + 1


def test_a_lease_is_safe_until_it_expires_and_then_counts_one_more_attempt(owner: User):
    made = make_running(owner, "a")
    assert leases.take_over(owner="b", limit=9) == []
    move_lease(made, -1)
    assert leases.take_over(owner="b", limit=9) == [made.pk]
    made.refresh_from_db()
    assert (made.lease_owner, made.attempts) == ("b", 2)


@pytest.mark.parametrize("status", ["complete", "stopped", "failed"])
def test_a_finished_answer_is_never_taken_over(owner: User, status: str):
    make_interaction(owner, status=status)
    assert leases.take_over(owner="a", limit=9) == []


def test_the_oldest_are_taken_first_and_no_more_than_asked_for(owner: User):
    made = [make_interaction(owner, f"question {number}") for number in range(3)]
    assert set(leases.take_over(owner="a", limit=2)) == {made[0].pk, made[1].pk}


def test_renewing_keeps_the_lease_and_logs_the_text(owner: User):
    made = make_running(owner, "a")
    move_lease(made, 1)
    assert leases.renew(owner="a", progress=[progress(made, "Hel")]) == {made.pk: False}
    leases.renew(owner="a", progress=[progress(made, "lo", start=3)])
    made.refresh_from_db()
    assert made.lease_expires_at is not None
    assert (made.lease_expires_at - timezone.now()).total_seconds() > LEASE_S - 5
    assert read_log_of(made.pk) == [(0, "Hel"), (3, "lo")]


def test_renewing_a_lost_lease_writes_nothing_and_says_so(owner: User):
    lost, held = make_running(owner, "b"), make_running(owner, "a")
    assert leases.renew(owner="a", progress=[progress(lost, "mine"), progress(held, "too")]) == {held.pk: False}
    assert read_log_of(lost.pk) == []
    lost.refresh_from_db()
    assert lost.lease_owner == "b"


def test_renewing_a_deleted_answer_is_no_error(owner: User):
    made = make_running(owner, "a")
    item = progress(made, "text")
    made.delete()
    assert leases.renew(owner="a", progress=[item]) == {}


def test_renewing_tells_that_a_stop_was_asked_for(owner: User):
    made = make_running(owner, "a", stop_requested=True)
    assert leases.renew(owner="a", progress=[progress(made)]) == {made.pk: True}


def test_a_text_written_twice_stands_in_the_log_once_with_what_came_since(owner: User):
    made = make_running(owner, "a")
    leases.renew(owner="a", progress=[progress(made, "Hello")])
    leases.renew(owner="a", progress=[progress(made, "Hello, world")])
    assert read_log_of(made.pk) == [(0, "Hello, world")]


def test_a_reader_who_has_half_of_a_rewritten_piece_gets_the_other_half(owner: User):
    made = make_running(owner, "a")
    leases.renew(owner="a", progress=[progress(made, "Hello, world")])
    leases.renew(owner="a", progress=[progress(made, "!", start=12)])
    for seen in range(14):
        found = leases.read_log([(made.pk, seen)])[made.pk]
        assert (found.status, found.text) == ("generating", "Hello, world!"[seen:])


def test_reading_the_log_counts_characters_not_bytes(owner: User):
    made = make_running(owner, "a", text="naïve 🙂 日本")
    for seen in range(11):
        assert leases.read_log([(made.pk, seen)])[made.pk].text == "naïve 🙂 日本"[seen:]


def test_reading_many_logs_at_once_keeps_them_apart_and_leaves_out_deleted_ones(owner: User):
    first, second = make_running(owner, "a", text="one"), make_running(owner, "a", text="two")
    gone = make_running(owner, "a", text="three")
    gone_id = gone.pk
    gone.delete()
    found = leases.read_log([(first.pk, 1), (second.pk, 0), (gone_id, 0)])
    assert {pk: one.text for pk, one in found.items()} == {first.pk: "ne", second.pk: "two"}


def test_finishing_saves_everything_frees_the_lease_and_clears_the_log(owner: User):
    made, other = make_running(owner, "a", text="Hel"), make_running(owner, "a", text="other")
    ended = Ended(
        id=made.pk,
        status=Status.COMPLETE,
        final_response_text='Hello "you" \\ 🙂\n',
        finish_reason="stop",
        model_id="m",
        seed=2**63 - 1,
        prompt_tokens=3,
        generated_tokens=4,
        first_token_ms=5,
        duration_ms=6,
        dropped_turns=7,
    )
    found = leases.finish(owner="a", ended=[ended])
    made.refresh_from_db()
    for name in Ended.__slots__:
        assert getattr(made, name) == getattr(ended, name), name
    assert found == {made.pk: made.finished}
    assert (made.lease_owner, made.lease_expires_at) == ("", None)
    assert read_log_of(made.pk) == []
    assert read_log_of(other.pk) == [(0, "other")]


def test_finishing_an_answer_that_somebody_else_holds_changes_nothing(owner: User):
    made = make_running(owner, "b", text="theirs")
    assert leases.finish(owner="a", ended=[Ended(made.pk, Status.COMPLETE, "mine")]) == {}
    made.refresh_from_db()
    assert (made.status, made.final_response_text) == ("generating", "")
    assert read_log_of(made.pk) == [(0, "theirs")]


def test_finishing_twice_saves_the_first_end_alone(owner: User):
    made = make_running(owner, "a")
    leases.finish(owner="a", ended=[Ended(made.pk, Status.STOPPED, "first")])
    assert leases.finish(owner="a", ended=[Ended(made.pk, Status.COMPLETE, "second")]) == {}
    made.refresh_from_db()
    assert (made.status, made.final_response_text) == ("stopped", "first")


def test_releasing_gives_back_ones_own_leases_and_the_attempt(owner: User):
    mine, theirs = make_running(owner, "a"), make_running(owner, "b")
    leases.release(owner="a")
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.lease_owner, mine.lease_expires_at, mine.attempts) == ("", None, 0)
    assert theirs.lease_owner == "b"
    assert leases.take_over(owner="b", limit=9) == [mine.pk]


@pytest.mark.django_db(transaction=True)
def test_processes_that_look_at_the_same_time_never_take_the_same_answer(owner: User):
    made = {make_interaction(owner).pk for _ in range(40)}
    start = threading.Barrier(4)

    def take(name: str) -> list[object]:
        start.wait(timeout=10)
        taken: list[object] = []
        try:
            while found := leases.take_over(owner=name, limit=3):
                taken += found
        finally:
            connection.close()
        return taken

    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(take, "abcd"))
    # A loser of the race may find the rest locked and leave early; what it left is found at the next look.
    taken.append(take_rest())
    everything = [pk for one in taken for pk in one]
    assert len(everything) == len(set(everything)) == 40
    assert set(everything) == made
    assert set(Interaction.objects.values_list("attempts", flat=True)) == {1}


def take_rest() -> list[object]:
    return list(leases.take_over(owner="e", limit=99))


def test_the_log_of_a_deleted_session_goes_with_it(owner: User):
    made = make_running(owner, "a", text="text")
    made.session.delete()
    assert not ResponseChunk.objects.exists()
