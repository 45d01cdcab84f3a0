"""All of Parley as `make run` starts it, with two web processes behind one socket and the real model."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.followers import PageFollower, ProgramFollower, following
from tests.support.people import Asked, Person, sign_up
from tests.support.stack import Stack, running_stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

RESTART_LIMIT = 60  # seconds; loading the model takes two, on a busy machine more


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("launched") / "data"
    # A small window ends every answer soon.
    variables = {"WEB_PROCESSES": 2, "THREADS": 1, "MAX_TOTAL_TOKENS": 256, "TGI_RETRY_FOR": RESTART_LIMIT}
    with running_stack(folder, **variables) as started:
        yield started


@pytest.fixture
def web_processes(two_processes: Stack) -> list[int]:
    found = pids(two_processes, "web")
    assert len(found) == 2
    return found


def pids(stack: Stack, name: str) -> list[int]:
    """The process ids of a service, as the launcher has noted them."""
    recorded = json.loads((stack.data_dir / "run.json").read_text())["children"]
    return [child["pid"] for child in recorded if child["name"] == name]


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Meanwhile the process does nothing, and the other one has to serve."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_conversation_works_whichever_process_gets_its_requests(two_processes: Stack, web_processes: list[int]):
    """Each step is served by the other process than the one before it."""
    url, (one, other) = two_processes.url, web_processes
    with frozen(one):
        person = await sign_up(url, "ada")
    with frozen(other):
        begun = await person.ask_by_form(url, query="Say hello.")
        await finished(url, begun, person)
    with frozen(one):
        went_on = await person.ask_by_form(url, begun.page, "Say it again.")
        await finished(url, went_on, person)
    assert went_on.session_id == begun.session_id
    with frozen(other):
        first, second = await person.read(url, begun), await person.read(url, went_on)
    assert (first["status"], second["status"]) == ("complete", "complete")
    assert second["parent_id"] == first["id"]
    assert second["prompt_tokens"] > first["prompt_tokens"], "the model was sent the turn before"


async def finished(url: str, asked: Asked, person: Person) -> None:
    """Follow the answer to its end."""
    page = PageFollower([url], asked)
    async with following(page, person=person):
        await page.end(timeout_s=60)


async def test_an_answer_goes_on_after_the_model_server_was_killed(two_processes: Stack):
    url = two_processes.url
    person = await sign_up(url, "grace")
    parameters = {"max_tokens": 120, "seed": 3}
    asked = await person.ask(url, "Tell me a long story about a lighthouse.", parameters=parameters)
    program = ProgramFollower([url], asked)
    [killed] = pids(two_processes, "tgi")
    async with following(program, person=person):
        await program.gets(20)
        os.kill(killed, signal.SIGKILL)
        before = program.text
        await program.end(timeout_s=RESTART_LIMIT)
    assert pids(two_processes, "tgi") != [killed]
    assert program.finished["status"] == "complete"
    assert program.text == program.finished["final_response_text"]
    assert program.text.startswith(before)
    assert len(program.text) > len(before)
    assert program.connections == 1
