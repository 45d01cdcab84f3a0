"""An inference server that is full, slow, away, or dies in the middle of an answer."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from tests.faults.conftest import FIRST_TOKEN_TIMEOUT, RETRY_FOR, TOKEN_TIMEOUT
from tests.support.database import Database
from tests.support.deployment import Deployment
from tests.support.followers import PageFollower, ProgramFollower, following
from tests.support.hosts import Host
from tests.support.model import Model, continued_text, words
from tests.support.people import Person
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONGEST_BACKOFF = 4.5  # seconds, jitter included
PAGE_LIMIT = 2.0


async def test_in_front_of_a_full_model_an_answer_waits_and_its_follower_is_told_the_place(
    first: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(20), delay_s=0)
    model.behaviour.refuse_with = 429
    asked = [await person.ask(first.url, query) for query in ("One", "Two")]
    followers = [ProgramFollower([first.url], one) for one in asked]
    async with following(*followers, person=person):
        for place, follower in enumerate(followers):
            await follower.is_told(status="queued", waiting_for="overloaded", place=place)
        model.behaviour.refuse_with = None
        await asyncio.gather(*(one.end() for one in followers))
    assert [database.saved(one.interaction_id).text for one in asked] == [whole, whole]
    assert [one.text for one in followers] == [whole, whole]
    assert all(len(model.asked_about(query)) >= 2 for query in ("One", "Two"))


async def test_an_answer_for_which_the_model_stays_full_fails_after_a_bounded_number_of_tries(
    first: Host, database: Database, person: Person, model: Model
):
    model.behaviour.refuse_with = 429
    began = time.monotonic()
    asked = await person.ask(first.url)
    program, page = ProgramFollower([first.url], asked), PageFollower([first.url], asked)
    async with following(program, page, person=person):
        await asyncio.gather(program.end(), page.end())
    assert RETRY_FOR <= time.monotonic() - began < RETRY_FOR + 2 * LONGEST_BACKOFF
    assert (program.finished["status"], program.finished["error_code"]) == ("failed", "overloaded")
    assert "The model is busy with other answers." in page.message
    assert 3 <= len(model.requests) <= 8
    assert database.saved(asked.interaction_id).status == "failed"

    whole = model.speak(words(20), delay_s=0)
    assert await person.act(first.url, asked, "continue") == 202
    await until(lambda: database.saved(asked.interaction_id).text == whole)


async def test_a_model_that_says_nothing_is_given_up(first: Host, database: Database, person: Person, model: Model):
    model.speak(["never"], first_delay_s=60)
    asked = await person.ask(first.url)
    await until(lambda: model.running)
    began = time.monotonic()
    await until(lambda: database.saved(asked.interaction_id).status == "failed", timeout_s=4 * FIRST_TOKEN_TIMEOUT)
    assert time.monotonic() - began > FIRST_TOKEN_TIMEOUT - 0.5
    assert database.saved(asked.interaction_id).error_code == "timed_out"
    await until(lambda: not model.running)


async def test_a_model_that_falls_silent_is_asked_to_go_on_from_there(
    first: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(20), delay_s=60)
    asked = await person.ask(first.url)
    program = ProgramFollower([first.url], asked)
    async with following(program, person=person):
        await program.gets(1)
        silent = time.monotonic()
        await program.is_told(status="generating", waiting_for="timed_out")
        assert time.monotonic() - silent > TOKEN_TIMEOUT - 0.5
        model.hurry()
        await program.end()
    assert program.text == database.saved(asked.interaction_id).text == whole
    assert [continued_text(body) for body in model.requests] == ["", whole.split(" ")[0] + " "]


async def test_without_a_model_all_pages_work_and_an_answer_waits_until_it_is_back(
    first: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(20), delay_s=0)
    await model.go_away()
    try:
        asked = await person.ask(first.url)
        program = ProgramFollower([first.url], asked)
        async with following(program, person=person):
            await program.is_told(status="queued", waiting_for="unreachable")
            began = time.monotonic()
            async with person.browser(first.url) as browser, browser.get(asked.page) as response:
                assert response.status == 200
                assert "The model cannot be reached" in await response.text() or "Thinking" in await response.text()
            assert time.monotonic() - began < PAGE_LIMIT
            await model.come_back()
            await program.end()
    finally:
        if not program.has_ended:
            await model.come_back()
    assert database.saved(asked.interaction_id).text == program.text == whole


async def test_without_a_model_for_too_long_an_answer_fails(
    first: Host, database: Database, person: Person, model: Model
):
    await model.go_away()
    try:
        asked = await person.ask(first.url)
        await until(lambda: database.saved(asked.interaction_id).status == "failed", timeout_s=15)
    finally:
        await model.come_back()
    assert database.saved(asked.interaction_id).error_code == "unreachable"


async def test_answers_that_a_dying_model_broke_off_go_on_when_it_is_back(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(400), delay_s=0.05)
    asked = [await person.ask(host.url, query) for host, query in ((first, "One"), (second, "Two"))]
    followers = [ProgramFollower([first.url], one) for one in asked]
    async with following(*followers, person=person):
        await asyncio.gather(*(one.gets(100) for one in followers))
        await model.go_away()
        await model.come_back()
        await asyncio.gather(*(one.gets(40) for one in followers))
        model.hurry()
        await asyncio.gather(*(one.end() for one in followers))
    for one, query, follower in zip(asked, ("One", "Two"), followers, strict=True):
        assert database.saved(one.interaction_id).text == follower.text == whole
        assert len(continued_text(model.asked_about(query)[-1])) > 40, "it was continued, not begun again"
        assert follower.connections == 1


async def test_one_person_cannot_fill_the_model_whichever_processes_are_asked(
    first: Host, second: Host, deployment: Deployment, person: Person, model: Model
):
    model.speak(words(400), delay_s=0.05)
    async with AsyncExitStack() as stack:
        programs = [await stack.enter_async_context(person.program(host.url)) for host in (first, second)]
        # Entered, so that each is closed: the answers are still being streamed when the test ends.
        sent = [
            stack.enter_async_context(
                programs[number % 2].post("/api/chat/", json={"message": f"Number {number}", "stream": True})
            )
            for number in range(12)
        ]
        responses = await asyncio.gather(*sent)
        refused = [response for response in responses if response.status == 429]
        assert sorted(response.status for response in responses) == [200] * 8 + [429] * 4
        for response in refused:
            assert int(response.headers["Retry-After"]) > 0
            assert (await response.json())["code"] == "too_many_running"
        browser = await stack.enter_async_context(person.browser(second.url))
        page = await stack.enter_async_context(browser.post("/chat/", data={"query": "Once more"}))
        assert page.status == 429
        assert int(page.headers["Retry-After"]) > 0
        assert "8 of your answers are still being written" in await page.text()
        assert "Once more" in await page.text(), "what was typed is still there"
        await deployment.person().ask(first.url)  # somebody else is not held up
