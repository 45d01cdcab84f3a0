"""Answers told from process to process on one host: at once, and without the database."""

from __future__ import annotations

import asyncio
import socket
from contextlib import aclosing
from pathlib import Path

import pytest

from accounts.models import User
from chat import relay
from chat.follow import Update, follow
from chat.models import Interaction
from chat.process import ChatProcess
from chat.relay import socket_path
from tests.support.answers import another_process, ask, finished
from tests.support.statements import statements
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until

PIECES = [f"naïve 🙂 {number}\n" for number in range(30)]
TEXT = "".join(PIECES)


@pytest.fixture
def open_folder(private_folder: Path) -> Path:
    """A folder that others may look into."""
    private_folder.mkdir(mode=0o755)
    return private_folder


@pytest.fixture(autouse=True)
def private_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The sockets' folder, for these tests alone."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / socket_path("x").parent.name


def sockets(folder: Path) -> set[Path]:
    return set(folder.iterdir())


def mode_of(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


async def updates_of(process: ChatProcess, interaction: Interaction) -> list[Update]:
    async with asyncio.timeout(5):
        return [update async for update in follow(process, interaction.pk)]


async def test_text_and_end_reach_another_process_between_two_looks_at_the_log(
    process: ChatProcess, owner: User, stub: StubTgi, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("chat.follow.TICK_S", 60)
    stub.behaviour = Behaviour(pieces=PIECES, delay_s=0.01)
    async with another_process(stub.url) as elsewhere:
        asked = await ask(owner)
        updates = await updates_of(elsewhere, asked)
    assert "".join(update.text for update in updates) == TEXT
    assert updates[-1].finished is not None
    assert len([update for update in updates if update.text]) > 3


async def test_many_followed_answers_cost_one_look_at_the_log_and_one_at_their_ends(
    process: ChatProcess, owner: User, stranger: User, stub: StubTgi
):
    stub.behaviour = Behaviour(pieces=["x"] * 100, delay_s=0.01)
    async with another_process(stub.url) as elsewhere:
        asked = [await ask(one) for one in (owner, stranger) for _ in range(8)]
        with statements() as sent:
            ended = await asyncio.gather(*(updates_of(elsewhere, one) for one in asked))
    assert ["".join(update.text for update in updates) for updates in ended] == ["x" * 100] * 16
    # The first look may be on its way before all are there; their ends do not come all at once.
    assert len([sql for sql in sent if "string_agg" in sql]) <= 2 + 16


async def test_what_is_waited_for_is_told_too(
    process: ChatProcess, owner: User, stub: StubTgi, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("chat.follow.TICK_S", 60)
    stub.behaviour.refuse_with = 429
    async with another_process(stub.url) as elsewhere:
        asked = await ask(owner)
        async with asyncio.timeout(5), aclosing(follow(elsewhere, asked.pk)) as updates:
            async for update in updates:
                if update.waiting_for:
                    break
    assert (update.waiting_for, update.place, update.status) == ("overloaded", 0, "queued")


async def test_without_the_relay_the_log_is_read_on(process: ChatProcess, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(pieces=PIECES, delay_s=0.03)
    async with another_process(stub.url) as elsewhere:
        asked = await ask(owner)
        following = asyncio.create_task(updates_of(elsewhere, asked))
        await until(lambda: elsewhere.log_reader._listener.hears(asked.pk))
        await process._teller.close()
        updates = await following
    assert "".join(update.text for update in updates) == TEXT
    assert updates[-1].finished is not None


async def test_an_answer_that_nobody_makes_any_more_is_not_asked_for_again_and_again(
    process: ChatProcess, owner: User, stub: StubTgi
):
    """Its lease has not run out yet: the log is looked at, four times a second and no more often."""
    stub.behaviour = Behaviour(pieces=PIECES, delay_s=60)
    async with another_process(stub.url) as elsewhere:
        asked = await ask(owner)
        following = asyncio.create_task(updates_of(elsewhere, asked))
        await until(lambda: elsewhere.log_reader._listener.hears(asked.pk))
        with statements() as sent:
            process.runs[asked.pk].lose()
            await asyncio.sleep(1)
        following.cancel()
    assert len([sql for sql in sent if "string_agg" in sql]) <= 6


async def test_nobody_else_may_listen(process: ChatProcess, private_folder: Path):
    assert mode_of(private_folder) == 0o700


async def test_a_folder_that_others_may_look_into_is_not_used(
    open_folder: Path, transactional_db: None, owner: User, stub: StubTgi
):
    async with another_process(stub.url) as one, another_process(stub.url) as other:
        assert sockets(open_folder) == set()
        relay_of = other.log_reader._listener
        made = await ask(owner)  # by nobody in particular: one of the two takes it
        assert (await asyncio.wait_for(finished(one, made), 10)).status == "complete"
        assert relay_of._peers == {}


async def test_sockets_of_dead_processes_are_removed_and_those_of_living_ones_kept(
    process: ChatProcess, private_folder: Path, stub: StubTgi
):
    dead = private_folder / "dead.sock"
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(dead))
    async with another_process(stub.url) as elsewhere:
        assert sockets(private_folder) == {socket_path(process.owner), socket_path(elsewhere.owner)}
    assert sockets(private_folder) == {socket_path(process.owner)}


def test_a_sockets_path_is_short_enough_everywhere():
    assert len(str(relay.socket_path("a-host-with-a-very-long-name" * 4 + ":4194304:0123abcd")).encode()) <= 104
