"""The checkpoint writer: what is new of all running answers, in one statement a tick."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction

from accounts.models import User
from chat.checkpoint import CheckpointWriter
from chat.database import in_thread
from chat.feed import Feed
from chat.leases import Ended
from chat.models import ChatSession, Interaction, ResponseChunk, Status
from tests.support.answers import log_of, make_running, saved
from tests.support.locks import until_waiting
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)


class Answer:
    """A running answer as the writer knows one; it notes what the writer tells it."""

    def __init__(self, interaction: Interaction, text: str = "") -> None:
        self.feed = Feed(interaction.pk, text=text)
        self.told: list[str] = []

    def stop(self) -> None:
        self.told.append("stop")

    def lose(self) -> None:
        self.told.append("lose")


async def running(writer: CheckpointWriter, owner: User, text: str = "") -> tuple[Interaction, Answer]:
    made = await in_thread(make_running, owner, writer.owner)
    answer = Answer(made, text)
    writer.add(answer, logged=0)
    return made, answer


def complete(interaction: Interaction, text: str) -> Ended:
    return Ended(interaction.pk, Status.COMPLETE, text)


@pytest.fixture
async def writer() -> CheckpointWriter:
    return CheckpointWriter("a")


async def test_new_text_is_logged_once_and_in_order(writer: CheckpointWriter, owner: User):
    made, answer = await running(writer, owner)
    for piece in ("Hel", "lo", ", world"):
        answer.feed.append(piece)
        await writer.tick()
        await writer.tick()
    assert await log_of(made) == [(0, "Hel"), (3, "lo"), (5, ", world")]
    assert (await saved(made)).status == "generating"


@pytest.mark.parametrize("count", [1, 200])
async def test_a_tick_is_one_statement_however_many_answers_run(writer: CheckpointWriter, owner: User, count: int):
    await in_thread(make_many, owner, count)
    for made in await in_thread(lambda: list(Interaction.objects.all())):
        writer.add(Answer(made, "some text"), logged=0)
    with statements() as sent:
        await writer.tick()
    assert len(sent) == 1
    assert await in_thread(ResponseChunk.objects.filter(text="some text").count) == count


def make_many(owner: User, count: int) -> None:
    session = ChatSession.objects.create(owner=owner)
    Interaction.objects.bulk_create(
        Interaction(session=session, query_text="?", status=Status.GENERATING, lease_owner="a") for _ in range(count)
    )


async def test_a_process_without_answers_asks_the_database_for_nothing(writer: CheckpointWriter):
    with statements() as sent:
        await writer.tick()
    assert sent == []


async def test_many_ends_are_saved_in_one_statement(writer: CheckpointWriter, owner: User):
    made = [(await running(writer, owner))[0] for _ in range(20)]
    finishing = [asyncio.ensure_future(writer.finish(complete(one, "whole"))) for one in made]
    await asyncio.sleep(0)  # one turn of the loop: every one of them has handed in its end
    with statements() as sent:
        await writer.tick()
    assert len(sent) == 1
    assert all(await asyncio.gather(*finishing))
    assert await in_thread(Interaction.objects.filter(final_response_text="whole").count) == 20


async def test_an_answer_whose_lease_was_lost_is_told_and_the_others_go_on(writer: CheckpointWriter, owner: User):
    lost, lost_answer = await running(writer, owner, "lost")
    held, held_answer = await running(writer, owner, "held")
    await in_thread(Interaction.objects.filter(pk=lost.pk).update, lease_owner="b")
    await writer.tick()
    assert (lost_answer.told, held_answer.told) == (["lose"], [])
    assert (await log_of(lost), await log_of(held)) == ([], [(0, "held")])


async def test_an_answer_is_told_that_a_stop_was_asked_for_in_another_process(writer: CheckpointWriter, owner: User):
    made, answer = await running(writer, owner)
    await in_thread(Interaction.objects.filter(pk=made.pk).update, stop_requested=True)
    await writer.tick()
    assert answer.told == ["stop"]


async def test_a_row_that_the_database_refuses_does_not_hold_up_the_others(writer: CheckpointWriter, owner: User):
    (bad, _), (good, _) = await running(writer, owner), await running(writer, owner)
    finishing = asyncio.gather(
        writer.finish(Ended(bad.pk, "no such status", "")), writer.finish(complete(good, "whole"))
    )
    await asyncio.sleep(0)
    await writer.tick()
    refused, finished_at = await finishing
    assert refused is None
    assert finished_at == (await saved(good)).finished is not None
    assert (await saved(bad)).status == "generating"


async def test_the_end_of_an_answer_that_is_gone_is_reported_as_not_saved(writer: CheckpointWriter, owner: User):
    made, _ = await running(writer, owner)
    ended = complete(made, "whole")
    await in_thread(Interaction.objects.all().delete)
    finishing = asyncio.ensure_future(writer.finish(ended))
    await asyncio.sleep(0)
    await writer.tick()
    assert await finishing is None


async def test_text_that_an_earlier_attempt_logged_is_not_logged_again(writer: CheckpointWriter, owner: User):
    """The run has read the log while a tick was under way that knew nothing of it yet."""
    made, answer = await running(writer, owner)
    await in_thread(ResponseChunk.objects.create, interaction=made, offset=0, text="Hel")
    await in_thread(ResponseChunk.objects.create, interaction=made, offset=3, text="lo")
    async with locked(made):
        tick = asyncio.create_task(writer.tick())
        await in_thread(until_waiting, 1)
        answer.feed.append("Hello")
        writer.add(answer, logged=5)
    await tick
    answer.feed.append(", world")
    await writer.tick()
    assert await log_of(made) == [(0, "Hel"), (3, "lo"), (5, ", world")]


class locked:  # noqa: N801 - used like a function
    """Hold the interaction's row, as a slow statement of somebody else would."""

    def __init__(self, interaction: Interaction) -> None:
        self._interaction = interaction
        self._atomic = transaction.atomic()

    async def __aenter__(self) -> None:
        await sync_to_async(self._lock)()

    def _lock(self) -> None:
        self._atomic.__enter__()
        Interaction.objects.select_for_update().get(pk=self._interaction.pk)

    async def __aexit__(self, *error: object) -> None:
        await sync_to_async(self._release)()

    def _release(self) -> None:
        self._atomic.__exit__(None, None, None)
        connection.close()


async def test_closing_writes_what_is_left(writer: CheckpointWriter, owner: User):
    writer.start()
    made, answer = await running(writer, owner)
    answer.feed.append("the last words")
    await writer.close()
    assert await log_of(made) == [(0, "the last words")]


async def test_ends_are_saved_without_waiting_for_the_next_tick(
    writer: CheckpointWriter, owner: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("chat.checkpoint.TICK_S", 600)
    writer.start()
    made, _ = await running(writer, owner)
    async with asyncio.timeout(5):
        assert await writer.finish(complete(made, "whole")) is not None
    await writer.close()
