"""A stop asked for in another process than the one that writes the answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import pytest

from tests.support.database import Database
from tests.support.followers import PageFollower, ProgramFollower, following
from tests.support.hosts import Host
from tests.support.model import Model, words
from tests.support.people import Asked, Person
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

STOP_LIMIT = 1.0  # seconds

Stop = Callable[[str, Asked, Person], Awaitable[None]]


async def press_stop(url: str, asked: Asked, person: Person) -> None:
    """The button of a page without JavaScript."""
    path = f"/interactions/{asked.interaction_id}/stop/"
    async with person.browser(url) as browser, browser.post(path, allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"].startswith(asked.page)


async def call_stop(url: str, asked: Asked, person: Person) -> None:
    assert await person.act(url, asked, "stop") == 202


@pytest.mark.parametrize("stop", [press_stop, call_stop], ids=["page", "api"])
async def test_a_stop_in_another_process_ends_the_generation_at_once_and_keeps_the_text(
    stop: Stop, *, first: Host, second: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(400), delay_s=0.05)
    asked = await person.ask(first.url)
    here, there = ProgramFollower([first.url], asked), ProgramFollower([second.url], asked)
    page = PageFollower([second.url], asked)
    async with following(here, there, page, person=person):
        await there.gets(60)
        assert model.running == 1
        asked_for = time.monotonic()
        await stop(second.url, asked, person)
        await until(lambda: not model.running)
        assert time.monotonic() - asked_for < STOP_LIMIT
        for follower in (here, there, page):
            await follower.end()
    saved = database.saved(asked.interaction_id)
    assert saved.status == "stopped"
    assert saved.text == here.text == there.text
    assert len(saved.text) >= 60
    assert whole.startswith(saved.text)
    assert len(saved.text) < len(whole)
    assert "Stopped." in page.message
    assert len(model.requests) == 1


async def test_an_answer_that_was_stopped_can_be_continued_by_another_process(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(400), delay_s=0.05)
    asked = await person.ask(first.url)
    await until(lambda: len(database.saved(asked.interaction_id).logged) > 60)
    await call_stop(second.url, asked, person)
    await until(lambda: database.saved(asked.interaction_id).status == "stopped")
    model.hurry()
    path = f"/interactions/{asked.interaction_id}/continue/"
    async with person.browser(second.url) as browser, browser.post(path, allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"].startswith(asked.page)
    await until(lambda: database.saved(asked.interaction_id).status == "complete")
    assert database.saved(asked.interaction_id).text == whole
    assert [one.id for one in database.saved_in(asked.session_id)] == [asked.interaction_id]


async def test_a_stop_before_the_first_token_ends_the_wait(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    model.speak(["late"], first_delay_s=60)
    asked = await person.ask(first.url)
    await until(lambda: model.running)
    asked_for = time.monotonic()
    await call_stop(second.url, asked, person)
    await until(lambda: not model.running)
    assert time.monotonic() - asked_for < STOP_LIMIT
    await until(lambda: database.saved(asked.interaction_id).status == "stopped")
    assert database.saved(asked.interaction_id).text == ""
