"""Following an answer: from any offset, in the process that makes it and in any other."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from accounts.models import User
from chat import leases
from chat.database import in_thread
from chat.follow import Update, follow
from chat.leases import Ended, Progress
from chat.models import Interaction, Status
from chat.process import ChatProcess
from tests.support.answers import another_process, ask, finished, make_interaction, make_running, saved
from tests.support.statements import statements
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until

TEXT = "".join(f"naïve 🙂 {number}\n" for number in range(60))


@dataclass
class Seen:
    """What one follower has got; every update must go on exactly where the one before ended."""

    offset: int = 0
    text: str = ""
    finished: Interaction | None = None

    def take(self, update: Update) -> None:
        assert update.offset == self.offset + len(self.text)
        assert self.finished is None, "nothing comes after the end"
        self.text += update.text
        self.finished = update.finished


async def follow_from(process: ChatProcess, interaction: Interaction, offset: int) -> Seen:
    seen = Seen(offset)
    async for update in follow(process, interaction.pk, offset=offset):
        seen.take(update)
    return seen


def speak(stub: StubTgi) -> None:
    stub.behaviour = Behaviour(pieces=[TEXT[start : start + 7] for start in range(0, len(TEXT), 7)], delay_s=0.005)


OFFSETS = [0, 1, 6, 7, 8, len(TEXT) // 2, len(TEXT) - 1, len(TEXT)]


async def test_followers_from_any_offset_miss_and_repeat_nothing_here_and_elsewhere(
    process: ChatProcess, owner: User, stub: StubTgi
):
    speak(stub)
    async with another_process(stub.url) as elsewhere:
        asked = await ask(owner)
        followers = [follow_from(where, asked, offset) for where in (process, elsewhere) for offset in OFFSETS]
        found = await asyncio.gather(*followers)
    for seen in found:
        assert seen.text == TEXT[seen.offset :]
        assert seen.finished is not None
        assert seen.finished.final_response_text == TEXT


@pytest.mark.parametrize("offset", OFFSETS)
async def test_a_finished_answer_is_given_from_the_offset_on(process: ChatProcess, owner: User, offset: int):
    made = await in_thread(make_interaction, owner, status=Status.COMPLETE, final_response_text=TEXT)
    seen = await follow_from(process, made, offset)
    assert seen.text == TEXT[offset:]
    assert seen.finished == made


async def test_a_follower_that_comes_and_goes_reads_the_whole(process: ChatProcess, owner: User, stub: StubTgi):
    """As an EventSource does that loses its connection after every event."""
    speak(stub)
    async with another_process(stub.url) as elsewhere:
        asked = await ask(owner)
        seen = Seen()
        while seen.finished is None:
            for where in (process, elsewhere):
                if seen.finished is None:
                    await take_some(where, asked, seen)
    assert seen.text == TEXT


async def take_some(process: ChatProcess, interaction: Interaction, seen: Seen) -> None:
    had = len(seen.text)
    async with aclosing(follow(process, interaction.pk, offset=had)) as updates:
        async for update in updates:
            seen.take(update)
            if len(seen.text) > had:
                return


async def test_a_slow_follower_gets_what_it_missed_in_one_update(process: ChatProcess, owner: User, stub: StubTgi):
    speak(stub)
    asked = await ask(owner)
    async with aclosing(follow(process, asked.pk)) as updates:
        first = await anext(updates)
        await until(lambda: asked.pk not in process.runs)
        rest = await anext(updates)
    assert first.text + rest.text == TEXT
    assert rest.finished is not None


async def test_following_elsewhere_tells_the_status(process: ChatProcess, owner: User):
    made = await in_thread(make_running, owner, "another", text="Hel")
    async with aclosing(follow(process, made.pk)) as updates:
        await anext(updates)
        update = await anext(updates)
    assert (update.text, update.status) == ("Hel", "generating")


async def test_a_piece_that_is_written_again_and_longer_is_followed_without_a_gap(process: ChatProcess, owner: User):
    """The acknowledgement of a commit was lost, so its text came again together with what was new."""
    made = await in_thread(make_running, owner, "another")
    seen = Seen()
    async with aclosing(follow(process, made.pk)) as updates:
        for start, text, whole in [
            (0, "Hel", "Hel"),
            (0, "Hello, ", "Hello, "),
            (7, "world", "Hello, world"),
        ]:
            progress = [Progress(made.pk, Status.GENERATING, start, text)]
            await in_thread(leases.renew, owner="another", progress=progress)
            while seen.text != whole:
                seen.take(await asyncio.wait_for(anext(updates), 3))
        ended = [Ended(made.pk, Status.COMPLETE, "Hello, world.")]
        await in_thread(leases.finish, owner="another", ended=ended)
        while seen.finished is None:
            seen.take(await asyncio.wait_for(anext(updates), 3))
    assert seen.text == "Hello, world."


async def test_following_ends_when_the_interaction_is_deleted_elsewhere(process: ChatProcess, owner: User):
    made = await in_thread(make_running, owner, "another", text="Hel")
    following = asyncio.create_task(follow_from(process, made, 0))
    await in_thread(Interaction.objects.all().delete)
    seen = await asyncio.wait_for(following, 3)
    assert seen.finished is None


async def test_following_what_does_not_exist_ends(process: ChatProcess, owner: User):
    made = await in_thread(make_interaction, owner)
    await in_thread(Interaction.objects.all().delete)
    assert (await asyncio.wait_for(follow_from(process, made, 0), 3)).finished is None


async def test_followers_are_sent_away_when_the_process_is_told_to_stop(process: ChatProcess, owner: User):
    here = await in_thread(make_running, owner, process.owner)
    elsewhere = await in_thread(make_running, owner, "another", text="Hel")
    following = [asyncio.create_task(follow_from(process, one, 0)) for one in (here, elsewhere)]
    await asyncio.sleep(0)
    process.drain()
    assert [seen.finished for seen in await asyncio.wait_for(asyncio.gather(*following), 3)] == [None, None]
    assert (await asyncio.wait_for(follow_from(process, elsewhere, 0), 3)).text == ""


async def test_all_followed_answers_are_read_in_one_statement_a_tick(process: ChatProcess, owner: User):
    made = [await in_thread(make_running, owner, "another", text="Hel") for _ in range(30)]
    with statements() as sent:
        following = [asyncio.create_task(until_text(process, one)) for one in made for _ in range(3)]
        await asyncio.gather(*following)
    reads = [sql for sql in sent if "string_agg" in sql]
    # The first may be on its way before all are there; each later one reads for all of them.
    assert 1 <= len(reads) <= 3


async def until_text(process: ChatProcess, interaction: Interaction) -> None:
    async with aclosing(follow(process, interaction.pk)) as updates:
        async for update in updates:
            if update.text:
                return


async def test_nothing_is_read_any_more_when_nobody_follows(process: ChatProcess, owner: User):
    made = await in_thread(make_running, owner, "another", text="Hel")
    await until_text(process, made)
    task = process.log_reader._task
    assert task is not None
    await asyncio.wait_for(asyncio.shield(task), 3)


async def test_a_quiet_answer_is_followed_with_heartbeats(
    process: ChatProcess, owner: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("chat.follow.HEARTBEAT_S", 0.05)
    made = await in_thread(make_running, owner, "another")
    async with aclosing(follow(process, made.pk)) as updates:
        beats = [await asyncio.wait_for(anext(updates), 3) for _ in range(4)]
    assert [beat.text for beat in beats] == [""] * 4


async def test_the_end_reaches_a_follower_even_if_the_run_ends_between_two_looks(
    process: ChatProcess, owner: User, stub: StubTgi
):
    stub.behaviour.pieces = ["x"]
    for _ in range(20):
        asked = await ask(owner)
        assert (await asyncio.wait_for(finished(process, asked), 5)).final_response_text == "x"
        assert (await saved(asked)).status == "complete"
