"""Postgres stops or crashes under running answers, and comes back: they notice nothing, and the pages recover."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.support.database import Database
from tests.support.followers import ProgramFollower, following
from tests.support.hosts import Host
from tests.support.model import Model, words
from tests.support.people import Asked, Person
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

RECOVERY_LIMIT = 15.0  # seconds
HEAD_START = 2.0
# After an earlier absence the look-out waits a lease's 10 s, and then up to 5 s for a connection.
NEXT_LOOK_LIMIT = 20.0
NOTICED = "look-out: the database is away"


async def answers(url: str, path: str, person: Person, *, status: int) -> bool:
    """Whether the page answers with this status now."""
    async with person.browser(url) as browser, browser.get(path) as response:
        return response.status == status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["fast-shutdown", "crash"])
async def test_answers_outlive_the_database(
    number: signal.Signals, *, first: Host, second: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(400), delay_s=0.05)
    asked = [await person.ask(host.url, query) for query, host in (("One", first), ("Two", second))]
    here, there = ProgramFollower([first.url], asked[0]), ProgramFollower([first.url], asked[1])
    async with following(here, there, person=person):
        await asyncio.gather(here.gets(100), there.gets(100))
        await database.end_with(number)
        try:
            # The text goes on all the while.
            await asyncio.gather(here.gets(60), refuses_politely(first.url, asked[0], person))
            assert await answers(first.url, "/healthz", person, status=200)
        finally:
            await database.start()
        await asyncio.gather(*(goes_on(database, one) for one in asked))
        await until(lambda: answers(first.url, asked[0].page, person, status=200), timeout_s=RECOVERY_LIMIT)
        await there.gets(20)
        model.hurry()
        await asyncio.gather(here.end(), there.end())
    for one, follower in zip(asked, (here, there), strict=True):
        saved = database.saved(one.interaction_id)
        assert (saved.status, saved.text, saved.attempts, saved.logged) == ("complete", whole, 1, "")
        assert follower.text == whole
        assert follower.connections == 1
    assert len(model.requests) == 2, "no token was generated twice"


async def goes_on(database: Database, asked: Asked) -> None:
    """Wait until the log has what came while the database was away, and more."""
    had = len(database.saved(asked.interaction_id).logged)
    await until(lambda: len(database.saved(asked.interaction_id).logged) > had + 60, timeout_s=RECOVERY_LIMIT)


async def refuses_politely(url: str, asked: Asked, person: Person) -> None:
    """Page, form and API all say that the database is away, and when to come back."""
    async with person.browser(url) as browser, person.program(url) as program:
        page, form, api = await asyncio.gather(
            browser.get(asked.page),
            browser.post(asked.page, data={"query": "Are you there?"}, headers={"HX-Request": "true"}),
            program.post("/api/chat/", json={"message": "Are you there?"}),
        )
        assert [one.status for one in (page, form, api)] == [503, 503, 503]
        assert all(int(one.headers["Retry-After"]) > 0 for one in (page, form, api))
        assert "Parley is away for a moment" in await page.text()
        assert "Parley is away for a moment" in await form.text()
        assert form.headers["HX-Retarget"] == "#notice"
        assert (await api.json())["code"] == "database_away"


async def test_a_process_that_is_back_at_the_database_first_leaves_the_others_time_to_renew_their_leases(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    """After a long absence all leases have run out, also those of processes that are alive."""
    whole = model.speak(words(800), delay_s=0.05)
    asked = await person.ask(first.url)
    await until(lambda: database.saved(asked.interaction_id).logged)
    owner, noticed = database.saved(asked.interaction_id).owner, second.log.count(NOTICED)
    await database.end_with(signal.SIGINT)
    try:
        await until(lambda: second.log.count(NOTICED) > noticed, timeout_s=NEXT_LOOK_LIMIT)
        first.send(signal.SIGSTOP)  # the slower one
    finally:
        await database.start()
    database.expire_leases(owner)
    with pytest.raises(TimeoutError):
        await until(lambda: database.saved(asked.interaction_id).attempts > 1, timeout_s=HEAD_START)
    first.send(signal.SIGCONT)
    await goes_on(database, asked)
    saved = database.saved(asked.interaction_id)
    assert (saved.owner, saved.attempts) == (owner, 1), "nobody took it over"
    model.hurry()
    await until(lambda: database.saved(asked.interaction_id).status == "complete")
    assert database.saved(asked.interaction_id).text == whole


async def test_an_answer_that_ends_while_the_database_is_away_is_saved_when_it_is_back(
    first: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(200), delay_s=0.05)
    asked = await person.ask(first.url)
    program = ProgramFollower([first.url], asked)
    async with following(program, person=person):
        await program.gets(100)
        await database.end_with(signal.SIGINT)
        try:
            model.hurry()
            await until(lambda: program.text == whole)
            assert not program.has_ended, "it is not saved, so it has not ended"
        finally:
            await database.start()
        await program.end()
    saved = database.saved(asked.interaction_id)
    assert (saved.status, saved.text, saved.attempts) == ("complete", whole, 1)
    assert len(model.requests) == 1


async def test_a_host_that_comes_up_before_its_database_serves_as_soon_as_that_is_there(
    first: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(["Here ", "I ", "am."], delay_s=0)
    await asyncio.gather(first.kill(), database.end_with(signal.SIGINT))
    try:
        await first.start()
        assert await answers(first.url, "/chat/", person, status=503)
    finally:
        await database.start()
    await until(lambda: answers(first.url, "/chat/", person, status=200), timeout_s=RECOVERY_LIMIT)
    asked = await person.ask(first.url)
    await until(lambda: database.saved(asked.interaction_id).text == whole)
