"""A web process that is killed or told to stop in the middle of answers: another goes on, character for character."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.support.database import Database
from tests.support.followers import PageFollower, ProgramFollower, following
from tests.support.hosts import Host
from tests.support.model import Model, continued_text, words
from tests.support.people import Asked, Person
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

TAKE_OVER_LIMIT = 15.0  # seconds
HAND_OVER_LIMIT = 3.0


async def test_what_a_killed_process_was_writing_goes_on_in_another(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(400), delay_s=0.05)
    asked = await person.ask(first.url)
    program = ProgramFollower([first.url, second.url], asked)
    page, undisturbed = PageFollower([first.url, second.url], asked), PageFollower([second.url], asked)
    async with following(program, page, undisturbed, person=person):
        await program.gets(100)
        await first.kill()
        killed = time.monotonic()
        await program.gets(40, timeout_s=TAKE_OVER_LIMIT)
        assert time.monotonic() - killed < TAKE_OVER_LIMIT
        model.hurry()
        await asyncio.gather(program.end(), page.end(), undisturbed.end())
    saved = database.saved(asked.interaction_id)
    assert (saved.status, saved.text, saved.attempts) == ("complete", whole, 2)
    assert program.text == program.finished["final_response_text"] == whole
    assert program.connections == page.connections == 2
    assert undisturbed.connections == 1
    assert "".join(page.blocks) == "".join(undisturbed.blocks)
    assert page.message.count("né400🙂") == 1
    begun, continued = model.asked_about("Hi")
    assert continued_text(begun) == ""
    assert whole.startswith(continued_text(continued))
    assert len(continued_text(continued)) > 40, "it was continued from its text, not begun again"


async def test_after_all_processes_were_killed_the_same_one_started_again_goes_on(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(400), delay_s=0.05)
    asked = await person.ask(first.url)
    program = ProgramFollower([first.url], asked)
    async with following(program, person=person):
        await program.gets(100)
        owner = database.saved(asked.interaction_id).owner
        await asyncio.gather(first.kill(), second.kill())
        await first.start()
        await _taken_over(database, asked, owner)
        await program.gets(40, timeout_s=TAKE_OVER_LIMIT)
        model.hurry()
        await program.end()
    saved = database.saved(asked.interaction_id)
    assert (saved.status, saved.text, saved.attempts) == ("complete", whole, 2)
    assert program.text == whole
    assert len(continued_text(model.requests[-1])) > 40, "it was continued from its text, not begun again"


async def test_a_process_that_is_told_to_stop_hands_its_answers_over_at_once(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(400), delay_s=0.05)
    asked = [await person.ask(first.url, query) for query in ("One", "Two", "Three")]
    followers = [ProgramFollower([first.url, second.url], one) for one in asked]
    async with following(*followers, person=person):
        await asyncio.gather(*(one.gets(100) for one in followers))
        first.send(signal.SIGTERM)
        told = time.monotonic()
        await until(lambda: all(len(model.asked_about(query)) == 2 for query in ("One", "Two", "Three")))
        await asyncio.gather(*(one.gets(20) for one in followers))
        assert time.monotonic() - told < HAND_OVER_LIMIT
        await first.ended()
        model.hurry()
        await asyncio.gather(*(one.end() for one in followers))
    for one, follower in zip(asked, followers, strict=True):
        saved = database.saved(one.interaction_id)
        assert (saved.status, saved.text) == ("complete", whole)
        assert saved.attempts == 1, "a hand-over is no failed attempt"
        assert follower.text == whole


async def test_an_answer_that_three_processes_died_of_fails_keeps_its_text_and_can_be_continued(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(400), delay_s=0.05)
    asked = await person.ask(first.url)
    for attempt, (host, other) in enumerate([(first, second), (second, first), (first, second)], start=1):
        owner = await _writer(database, asked, attempt=attempt)
        await asyncio.gather(host.kill(), other.start())
        await _taken_over(database, asked, owner)
        await host.start()
    await until(lambda: database.saved(asked.interaction_id).status == "failed")
    saved = database.saved(asked.interaction_id)
    assert saved.error_code == "interrupted"
    assert saved.text
    assert whole.startswith(saved.text)
    assert len(model.requests) == 3

    assert await person.act(second.url, asked, "continue") == 202
    program = ProgramFollower([second.url], asked, start=len(saved.text))
    async with following(program, person=person):
        model.hurry()
        await program.end()
    assert saved.text + program.text == whole
    assert continued_text(model.requests[-1]) == saved.text
    assert database.saved(asked.interaction_id).text == whole


async def _writer(database: Database, asked: Asked, *, attempt: int) -> str:
    """Wait until this attempt has written some text. Returns the name of its process."""
    await until(lambda: database.saved(asked.interaction_id).attempts == attempt)
    had = len(database.saved(asked.interaction_id).logged)
    await until(lambda: len(database.saved(asked.interaction_id).logged) > had)
    return database.saved(asked.interaction_id).owner


async def _taken_over(database: Database, asked: Asked, owner: str) -> None:
    """Wait until another process has the answer. The first test has waited for the lease; here it runs out at once."""

    def is_taken() -> bool:
        # Again and again: a statement that the killed process had sent may still be carried out, and renew it.
        database.expire_leases(owner)
        return database.saved(asked.interaction_id).owner != owner

    await until(is_taken)
