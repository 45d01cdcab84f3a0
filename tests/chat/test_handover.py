"""Nothing accepted is lost: answers go on when their process stops, dies or loses its lease."""

from __future__ import annotations

import asyncio

from accounts.models import User
from chat.database import in_thread
from chat.follow import follow
from chat.leases import MAX_ATTEMPTS
from chat.models import Interaction, Status
from chat.process import ChatProcess, set_current
from inference.client import InferenceClient
from tests.support.answers import (
    another_process,
    ask,
    finished,
    log_of,
    make_interaction,
    make_running,
    move_lease,
    saved,
)
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until

PIECES = [f"{number} " for number in range(200)]
TEXT = "".join(PIECES)


async def test_a_question_accepted_where_no_process_answers_is_found_by_one_that_does(
    process: ChatProcess, owner: User
):
    set_current(None)
    asked = await ask(owner)
    ended = await finished(process, asked)
    assert (ended.status, ended.final_response_text) == ("complete", "Hello, world.")


async def test_a_process_that_stops_hands_its_answers_over_and_the_next_one_continues_them(
    process: ChatProcess, owner: User, stub: StubTgi
):
    stub.behaviour = Behaviour(pieces=PIECES, delay_s=0.005)
    asked = await ask(owner)
    await until(lambda: asked.pk in process.runs and len(process.runs[asked.pk].feed.text) > 20)
    await process.stop()
    handed_over = await saved(asked)
    assert (handed_over.lease_owner, handed_over.lease_expires_at) == ("", None)
    logged = "".join(text for _, text in await log_of(asked))
    assert logged
    assert TEXT.startswith(logged)
    async with another_process(stub.url) as successor:
        ended = await finished(successor, asked)
    assert (ended.status, ended.final_response_text) == ("complete", TEXT)
    assert (await saved(asked)).attempts == 1, "a hand-over is no failed attempt"
    assert stub.requests[-1]["messages"][-1] == {"role": "assistant", "content": logged}


async def test_followers_have_seen_no_more_than_what_was_handed_over(process: ChatProcess, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(pieces=PIECES, delay_s=0.005)
    asked = await ask(owner)
    seen = ""
    stopping = None
    async for update in follow(process, asked.pk):
        seen += update.text
        if len(seen) > 20 and stopping is None:
            stopping = asyncio.create_task(process.stop())
    assert stopping is not None
    await stopping
    assert "".join(text for _, text in await log_of(asked)).startswith(seen)


async def test_what_a_killed_process_left_is_taken_over_when_its_lease_has_expired(
    process: ChatProcess, owner: User, stub: StubTgi
):
    stub.behaviour = Behaviour(pieces=PIECES)
    made = await in_thread(make_running, owner, "killed", text="".join(PIECES[:50]))
    await in_thread(move_lease, made, -1)
    ended = await finished(process, made)
    assert (ended.status, ended.final_response_text) == ("complete", TEXT)
    assert (await saved(made)).attempts == 2


async def test_a_lease_that_is_lost_ends_the_run_without_touching_the_answer(
    process: ChatProcess, owner: User, stub: StubTgi
):
    stub.behaviour = Behaviour(pieces=PIECES, delay_s=0.05)
    asked = await ask(owner)
    await until(lambda: asked.pk in process.runs and process.runs[asked.pk].feed.text)
    await in_thread(Interaction.objects.filter(pk=asked.pk).update, lease_owner="another")
    await until(lambda: (process.runs, stub.running) == ({}, 0))
    found = await saved(asked)
    assert (found.lease_owner, found.is_finished, found.final_response_text) == ("another", False, "")


async def test_a_follower_stays_with_an_answer_that_moves_to_another_process(
    process: ChatProcess, owner: User, stub: StubTgi
):
    stub.behaviour = Behaviour(pieces=PIECES, delay_s=0.01)
    asked = await ask(owner)
    following = asyncio.create_task(finished(process, asked))
    async with another_process(stub.url) as successor:
        await until(lambda: log_of(asked))
        await in_thread(Interaction.objects.filter(pk=asked.pk).update, lease_owner="nobody")
        await in_thread(move_lease, asked, -1)
        await until(lambda: asked.pk not in process.runs)
        ended = await asyncio.wait_for(following, 10)
        assert ended.final_response_text == TEXT
        assert successor.owner != process.owner


async def test_an_answer_that_was_attempted_too_often_fails_and_keeps_its_text(
    process: ChatProcess, owner: User, stub: StubTgi
):
    made = await in_thread(make_running, owner, "killed", text="Hel")
    await in_thread(Interaction.objects.filter(pk=made.pk).update, attempts=MAX_ATTEMPTS)
    await in_thread(move_lease, made, -1)
    ended = await finished(process, made)
    assert (ended.status, ended.error_code, ended.final_response_text) == ("failed", "interrupted", "Hel")
    assert stub.requests == []


async def test_a_stop_asked_for_while_nobody_held_the_answer_is_honoured(
    process: ChatProcess, owner: User, stub: StubTgi
):
    made = await in_thread(make_running, owner, "killed", text="Hel", stop_requested=True)
    await in_thread(move_lease, made, -1)
    ended = await finished(process, made)
    assert (ended.status, ended.final_response_text) == ("stopped", "Hel")
    assert stub.requests == []


async def test_a_question_waiting_for_its_turn_does_not_jump_it_when_the_process_drains(
    process: ChatProcess, owner: User, stub: StubTgi
):
    stub.behaviour = Behaviour(pieces=PIECES, delay_s=0.05)
    first = await ask(owner, "First")
    second = await ask(owner, "Second", session=first.session)
    await until(lambda: second.pk in process.runs and process.runs[second.pk].feed.waiting_for == "turn")
    feed = process.runs[first.pk].feed
    await until(lambda: feed.text)
    process.drain()
    had = len(feed.text)
    await until(lambda: len(feed.text) > had + 30)  # time enough for the second to begin, if it did
    await process.stop()
    assert [request["messages"][-1]["content"] for request in stub.requests] == ["First"]
    stub.behaviour.delay_s = 0
    async with another_process(stub.url) as successor:
        await finished(successor, second)
    assert [message["content"] for message in stub.requests[-1]["messages"]] == ["First", TEXT, "Second"]


async def test_a_process_that_drains_begins_nothing_new(process: ChatProcess, owner: User, stub: StubTgi):
    process.drain()
    asked = await ask(owner)
    await process.stop()
    assert stub.requests == []
    async with another_process(stub.url) as successor:
        assert (await finished(successor, asked)).status == "complete"


async def test_many_unfinished_answers_are_taken_over_together(process: ChatProcess, owner: User, stub: StubTgi):
    made = [await in_thread(make_interaction, owner, f"question {number}") for number in range(60)]
    ended = await asyncio.gather(*(finished(process, one) for one in made))
    assert {one.status for one in ended} == {Status.COMPLETE}
    assert len(stub.requests) == 60


async def test_two_processes_never_answer_the_same_question(process: ChatProcess, owner: User, stub: StubTgi):
    async with another_process(stub.url) as second:
        made = [await in_thread(make_interaction, owner, f"question {number}") for number in range(30)]
        await asyncio.gather(*(finished(second, one) for one in made))
    assert sorted(request["messages"][-1]["content"] for request in stub.requests) == sorted(
        one.query_text for one in made
    )


async def test_stopping_twice_is_no_error(transactional_db: None, stub: StubTgi):
    stopped = ChatProcess(InferenceClient(stub.url), retry_for_s=1)
    await stopped.start()
    await stopped.stop()
    await stopped.stop()
    assert stopped.runs == {}
