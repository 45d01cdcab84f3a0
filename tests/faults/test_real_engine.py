"""What only the real engine can show: that a stop frees its slot, and a window that overflows."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.database import Database
from tests.support.deployment import Deployment
from tests.support.followers import ProgramFollower, following
from tests.support.hosts import Host
from tests.support.people import Asked, Person
from tests.support.real_model import RealModel, real_model
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

WINDOW = 240  # tokens
STOP_LIMIT = 1.0  # seconds
LONG = {"max_tokens": 200}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine() -> AsyncIterator[RealModel]:
    async with real_model(WINDOW) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def host(_deployment: Deployment, engine: RealModel) -> AsyncIterator[Host]:
    """A third host; its answers are made by the real model."""
    started = _deployment.host("real", TGI_URL=engine.url, TGI_FIRST_TOKEN_TIMEOUT="60", TGI_TOKEN_TIMEOUT="60")
    await started.start()
    yield started
    await started.close()


@pytest.mark.parametrize("ending", ["stop", "delete"])
async def test_an_answer_that_is_ended_in_another_process_leaves_the_engine_idle(
    ending: str, *, host: Host, second: Host, engine: RealModel, database: Database, person: Person
):
    asked = await person.ask(host.url, "Tell me a long story about a lighthouse.", parameters=LONG)
    program = ProgramFollower([second.url], asked)
    async with following(program, person=person):
        await program.gets(1)
        assert await engine.engine.busy_slots() == 1
        asked_for = time.monotonic()
        await end(ending, second.url, asked, person)
        await until(lambda: idle(engine))
        assert time.monotonic() - asked_for < STOP_LIMIT
    if ending == "stop":
        await until(lambda: database.saved(asked.interaction_id).status == "stopped")
        assert database.saved(asked.interaction_id).text.startswith(program.text)


async def end(ending: str, url: str, asked: Asked, person: Person) -> None:
    if ending == "stop":
        assert await person.act(url, asked, "stop") == 202
    else:
        async with person.program(url) as program, program.delete(f"/api/sessions/{asked.session_id}/") as response:
            assert response.status == 204


async def idle(engine: RealModel) -> bool:
    return await engine.engine.busy_slots() == 0


async def test_a_conversation_that_outgrows_the_window_goes_on_without_its_oldest_turns(
    host: Host, engine: RealModel, person: Person
):
    """The oldest turns are left out, as few as it takes, and person and program are told how many."""
    turns = [await tell(host.url, person, "My name is Ada. Describe the sea in detail.", None)]
    for query in ("And the mountains?", "And the forest?", "And the desert?"):
        turns.append(await tell(host.url, person, query, turns[0]["session_id"]))
    assert turns[0]["dropped_turns"] == 0
    dropped = [turn["dropped_turns"] for turn in turns]
    assert dropped == sorted(dropped), "a longer conversation never has more room"
    last, number = turns[-1], dropped[-1]
    assert 1 <= number < len(turns) - 1

    kept = await engine.count_tokens(messages(turns, number))
    assert last["prompt_tokens"] == kept
    budget = WINDOW - WINDOW // 4
    assert kept <= budget < await engine.count_tokens(messages(turns, number - 1)), "as few as it takes"
    async with person.browser(host.url) as browser, browser.get(f"/chat/{last['session_id']}/") as page:
        shown = " ".join((await page.text()).split())
    assert re.search(rf"\b{number} oldest turns? no longer fit", shown)


def messages(turns: list[dict[str, Any]], drop: int) -> list[dict[str, str]]:
    """The conversation up to the last question, without the `drop` oldest turns."""
    sent = []
    for turn in turns[drop:-1]:
        sent.append({"role": "user", "content": turn["query_text"]})
        sent.append({"role": "assistant", "content": turn["final_response_text"]})
    return [*sent, {"role": "user", "content": turns[-1]["query_text"]}]


async def tell(url: str, person: Person, query: str, session_id: str | None) -> dict[str, Any]:
    """Ask, wait for the whole answer, and read the interaction."""
    body = {"message": query, "session_id": session_id, "parameters": {"max_tokens": 60, "seed": 7}}
    async with person.program(url) as program, program.post("/api/chat/", json=body) as response:
        answer = await response.json()
        assert (response.status, answer["status"]) == (200, "complete"), answer
    return await person.read(url, Asked.of(answer["session_id"], answer["interaction_id"]))


async def test_a_question_that_alone_is_too_long_is_refused_with_the_numbers_and_the_chat_goes_on(
    host: Host, engine: RealModel, person: Person
):
    before = await tell(host.url, person, "Name three birds.", None)
    query = "lighthouse " * 400
    body = {"message": query, "session_id": before["session_id"], "parameters": {"max_tokens": 60}}
    async with person.program(host.url) as program, program.post("/api/chat/", json=body) as response:
        refused = await response.json(content_type=None)
    assert (response.status, refused["code"]) == (400, "too_long")
    assert refused["tokens"] == await engine.count_tokens([{"role": "user", "content": query}])
    assert refused["limit"] < WINDOW
    after = await tell(host.url, person, "And three fish.", before["session_id"])
    assert (after["parent_id"], after["dropped_turns"]) == (before["id"], 0)
