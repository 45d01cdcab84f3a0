"""The same question sent twice, and two questions sent at once, to two processes."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from tests.support.database import Database
from tests.support.hosts import Host
from tests.support.model import Model, words
from tests.support.people import Person
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = re.compile(r'id="composer".*?name="idempotency_key" value="([^"]+)"', re.DOTALL)


async def posted(client: aiohttp.ClientSession, path: str, **request: Any) -> aiohttp.ClientResponse:
    """The response, read to its end; a redirection is not followed."""
    async with client.post(path, allow_redirects=False, **request) as response:
        await response.read()
        return response


async def test_a_form_that_is_sent_twice_at_once_asks_once(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    model.speak(words(20), delay_s=0.02)
    async with person.browser(first.url) as here, person.browser(second.url) as there:
        async with here.get("/chat/") as page:
            [key] = KEY.findall(await page.text())
        form = {"query": "Only once", "idempotency_key": key}
        sent = [posted(browser, "/chat/", data=form) for browser in (here, there) * 3]
        responses = await asyncio.gather(*sent)
        assert {response.status for response in responses} == {303}
        [location] = {response.headers["Location"] for response in responses}
        async with there.get("/chat/") as page:
            [another] = KEY.findall(await page.text())
    assert another != key
    [saved] = database.saved_in(UUID(location.split("/")[2]))
    await until(lambda: database.saved(saved.id).status == "complete")
    assert len(model.asked_about("Only once")) == 1


async def test_a_program_that_repeats_its_request_is_given_the_one_answer(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(20), delay_s=0.02)
    body = {"message": "Only once, please"}
    key = {"Idempotency-Key": "an-order-of-mine"}
    async with person.program(first.url) as here, person.program(second.url) as there:
        sent = [posted(program, "/api/chat/", json=body, headers=key) for program in (here, there) * 3]
        answers = [await response.json() for response in await asyncio.gather(*sent)]
        async with there.post("/api/chat/", json=body, headers=key) as later:
            answers.append(await later.json())
    assert all(answer == answers[0] for answer in answers)
    assert (answers[0]["status"], answers[0]["response"]) == ("complete", whole)
    assert len(database.saved_in(UUID(answers[0]["session_id"]))) == 1
    assert len(model.requests) == 1


async def test_two_tabs_that_ask_at_once_in_one_chat_are_both_answered_in_order(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(10), delay_s=0)
    begun = await person.ask(first.url, "To begin with")
    queries = [f"Question {number}" for number in range(6)]
    async with AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(person.browser(host.url)) for host in (first, second)]
        sent = [posted(tabs[number % 2], begun.page, data={"query": query}) for number, query in enumerate(queries)]
        assert {response.status for response in await asyncio.gather(*sent)} == {303}
    await until(lambda: all(one.status == "complete" for one in database.saved_in(begun.session_id)), timeout_s=20)
    saved = database.saved_in(begun.session_id)
    assert sorted(one.query for one in saved) == sorted([*queries, "To begin with"])
    assert [one.text for one in saved] == [whole] * 7
    assert [one.parent_id for one in saved] == [None, *(one.id for one in saved[:-1])]
    last = max(model.requests, key=lambda body: len(body["messages"]))
    assert [one["content"] for one in last["messages"] if one["role"] == "user"] == [one.query for one in saved]
    assert len(model.requests) == 7
