"""Runs: answers being made, and every way in which they end."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest

from accounts.models import User
from chat import conversation, shelf
from chat.database import in_thread
from chat.follow import follow
from chat.models import Interaction, ResponseChunk
from chat.process import ChatProcess, set_current
from inference.client import InferenceClient
from tests.support.answers import another_process, ask, finished, make_running, saved
from tests.support.statements import statements
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until


def slow(stub: StubTgi, *, first_delay_s: float = 0) -> None:
    """Many pieces, slowly: an answer that is still being made when the test interferes."""
    pieces = [f"word{number} " for number in range(2000)]
    stub.behaviour = Behaviour(pieces=pieces, first_delay_s=first_delay_s, delay_s=0.005)


async def some_text(process: ChatProcess, interaction: Interaction) -> str:
    """Wait until the answer has begun, here."""
    await until(lambda: interaction.pk in process.runs and process.runs[interaction.pk].feed.text)
    return process.runs[interaction.pk].feed.text


async def test_an_answer_is_saved_whole_and_its_log_is_cleared(process: ChatProcess, owner: User, stub: StubTgi):
    asked = await ask(owner)
    await finished(process, asked)
    found = await saved(asked)
    assert (found.status, found.final_response_text) == ("complete", "Hello, world.")
    assert (found.prompt_tokens, found.generated_tokens, found.finish_reason) == (7, 4, "stop")
    assert (found.model_id, found.lease_owner, found.attempts) == ("stub", "", 1)
    assert found.duration_ms is not None
    assert found.first_token_ms is not None
    assert 0 <= found.first_token_ms <= found.duration_ms
    assert await in_thread(ResponseChunk.objects.count) == 0


async def test_the_model_is_sent_the_conversation_and_the_parameters(process: ChatProcess, owner: User, stub: StubTgi):
    first = await ask(owner, "First", parameters={"seed": 5, "temperature": 0.5, "top_p": 1, "stop": ["x"]})
    await finished(process, first)
    second = await ask(owner, "Second", session=first.session)
    await finished(process, second)
    one, two = stub.requests
    assert one["messages"] == [{"role": "user", "content": "First"}]
    assert (one["seed"], one["temperature"], one["stop"], one["stream"]) == (5, 0.5, ["x"], True)
    assert "top_p" not in one, "TGI refuses 1.0"
    assert "presence_penalty" not in one
    assert [message["content"] for message in two["messages"]] == ["First", "Hello, world.", "Second"]
    assert two["seed"] == (await saved(second)).seed is not None


async def test_a_stop_keeps_the_text_and_frees_the_model(process: ChatProcess, owner: User, stub: StubTgi):
    slow(stub)
    asked = await ask(owner)
    text = await some_text(process, asked)
    await in_thread(conversation.request_stop, interaction=asked)
    ended = await finished(process, asked)
    assert ended.status == "stopped"
    assert ended.final_response_text.startswith(text)
    assert (await saved(asked)).final_response_text == ended.final_response_text
    await until(lambda: (stub.running, stub.cancelled) == (0, 1))


async def test_a_stop_right_after_the_question_ends_it_at_once(process: ChatProcess, owner: User, stub: StubTgi):
    slow(stub)
    asked = await ask(owner)
    process.stop_run(asked.pk)
    async with asyncio.timeout(3):
        assert (await finished(process, asked)).status == "stopped"
    await until(lambda: stub.running == 0)


async def test_a_run_that_is_stopped_before_its_first_step_leaves_nothing_behind(
    process: ChatProcess, owner: User, stub: StubTgi
):
    made = await in_thread(make_running, owner, process.owner)
    process.begin(made.pk)
    process.stop_run(made.pk)  # in the same turn of the loop
    assert (await finished(process, made)).status == "stopped"
    await until(lambda: (process.runs, process.writer.running) == ({}, {}))


async def test_a_run_that_is_lost_before_its_first_step_leaves_nothing_behind(
    process: ChatProcess, owner: User, stub: StubTgi
):
    made = await in_thread(make_running, owner, process.owner)
    process.begin(made.pk)
    asyncio.get_running_loop().call_soon(lose, process, made)
    await until(lambda: made.pk not in process.runs)
    assert process.writer.running == {}
    assert (await saved(made)).status == "generating"


def lose(process: ChatProcess, interaction: Interaction) -> None:
    process.runs[interaction.pk].lose()


async def test_a_stop_while_waiting_for_the_first_token_ends_the_wait(process: ChatProcess, owner: User, stub: StubTgi):
    slow(stub, first_delay_s=60)
    asked = await ask(owner)
    await until(lambda: stub.running == 1)
    await in_thread(conversation.request_stop, interaction=asked)
    ended = await finished(process, asked)
    assert (ended.status, ended.final_response_text) == ("stopped", "")
    await until(lambda: stub.running == 0)


async def test_a_stop_in_another_process_arrives_with_the_next_checkpoint(
    process: ChatProcess, owner: User, stub: StubTgi
):
    slow(stub)
    asked = await ask(owner)
    await some_text(process, asked)
    await in_thread(Interaction.objects.filter(pk=asked.pk).update, stop_requested=True)
    assert (await finished(process, asked)).status == "stopped"


async def test_an_answer_that_breaks_off_is_continued_without_losing_or_doubling_anything(
    process: ChatProcess, owner: User, stub: StubTgi
):
    stub.behaviour.break_after = 2
    asked = await ask(owner)
    ended = await finished(process, asked)
    assert (ended.status, ended.final_response_text, ended.generated_tokens) == (
        "complete",
        "Hello, world.",
        4,
    )
    assert len(stub.requests) == 2
    assert stub.requests[1]["messages"][-1] == {"role": "assistant", "content": "Hello, "}


async def test_followers_of_an_answer_that_breaks_off_see_every_character_once(
    process: ChatProcess, owner: User, stub: StubTgi
):
    stub.behaviour = Behaviour(pieces=[f"{number} " for number in range(50)], break_after=20, delay_s=0.001)
    asked = await ask(owner)
    seen = ""
    async for update in follow(process, asked.pk):
        assert update.offset == len(seen)
        seen += update.text
    assert seen == "".join(stub.behaviour.pieces)


async def test_an_overloaded_model_is_tried_again_until_it_has_room(process: ChatProcess, owner: User, stub: StubTgi):
    stub.behaviour.refuse_with = 429
    asked = await ask(owner)
    async for update in follow(process, asked.pk):
        if update.waiting_for == "overloaded":
            assert update.status == "queued"
            stub.behaviour.refuse_with = None
    assert (await saved(asked)).status == "complete"


@pytest.mark.parametrize(("status", "code"), [(429, "overloaded"), (503, "unavailable"), (424, "generation_failed")])
async def test_an_error_that_lasts_fails_the_answer_under_its_own_code(
    process: ChatProcess, owner: User, stub: StubTgi, status: int, code: str
):
    stub.behaviour.refuse_with = status
    ended = await finished(process, await ask(owner))
    assert (ended.status, ended.error_code) == ("failed", code)
    assert ended.error_message
    assert len(stub.requests) > 1


@pytest.mark.parametrize(("status", "code"), [(422, "rejected"), (401, "misconfigured")])
async def test_an_error_that_trying_again_cannot_mend_fails_at_once(
    process: ChatProcess, owner: User, stub: StubTgi, status: int, code: str
):
    stub.behaviour.refuse_with = status
    ended = await finished(process, await ask(owner))
    assert (ended.status, ended.error_code) == ("failed", code)
    assert len(stub.requests) == 1


async def test_a_dead_model_fails_the_answer_within_the_time_for_retries(
    transactional_db: None, owner: User, unused_tcp_port: int
):
    async with another_process(f"http://127.0.0.1:{unused_tcp_port}", retry_for_s=0.5) as process:
        set_current(process)
        try:
            began = time.monotonic()
            ended = await finished(process, await ask(owner))
        finally:
            set_current(None)
    assert (ended.status, ended.error_code) == ("failed", "unreachable")
    assert time.monotonic() - began < 4


async def test_a_failure_after_some_text_keeps_the_text(process: ChatProcess, owner: User, stub: StubTgi):
    slow(stub)
    asked = await ask(owner)
    await some_text(process, asked)
    stub.behaviour.refuse_with = 422
    stub.behaviour.break_after = 100
    ended = await finished(process, asked)
    assert (ended.status, ended.error_code) == ("failed", "rejected")
    assert ended.final_response_text.startswith("word0 word1 ")


async def test_a_question_that_is_too_long_fails_with_the_numbers(process: ChatProcess, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(max_input_tokens=100, max_total_tokens=128)
    ended = await finished(process, await ask(owner, "word " * 500))
    assert (ended.status, ended.error_code) == ("failed", "too_long")
    assert "504 tokens" in ended.error_message
    assert "takes 96" in ended.error_message
    assert stub.requests == []


async def test_turns_that_no_longer_fit_are_left_out_and_counted(process: ChatProcess, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(max_input_tokens=100, max_total_tokens=128)
    first = await ask(owner, "word " * 90)
    await finished(process, first)
    second = await ask(owner, "next", session=first.session)
    ended = await finished(process, second)
    assert (ended.status, ended.dropped_turns) == ("complete", 1)
    assert [message["content"] for message in stub.requests[1]["messages"]] == ["next"]


async def test_a_question_asked_while_the_answer_before_it_runs_takes_its_turn(
    process: ChatProcess, owner: User, stub: StubTgi
):
    stub.behaviour = Behaviour(pieces=["one ", "two"], delay_s=0.2)
    first = await ask(owner, "First")
    second = await ask(owner, "Second", session=first.session)
    waited = [(update.waiting_for, update.status) async for update in follow(process, second.pk)]
    assert ("turn", "queued") in waited
    assert [message["content"] for message in stub.requests[1]["messages"]] == ["First", "one two", "Second"]
    assert (await saved(first)).finished < (await saved(second)).finished  # type: ignore[operator]  # both have ended


async def test_a_nul_from_the_model_does_not_keep_the_answer_from_being_saved(
    process: ChatProcess, owner: User, stub: StubTgi
):
    stub.behaviour.pieces = ["a\x00", "b"]
    assert (await finished(process, await ask(owner))).final_response_text == "a\ufffdb"


async def test_deleting_a_running_interaction_ends_its_run_and_its_followers(
    process: ChatProcess, owner: User, stub: StubTgi
):
    slow(stub)
    asked = await ask(owner)
    await some_text(process, asked)
    following = asyncio.create_task(last_update(process, asked))
    await in_thread(conversation.delete_interaction, interaction=await saved(asked))
    assert await asyncio.wait_for(following, 5) is None
    await until(lambda: (stub.running, process.runs) == (0, {}))


async def test_deleting_a_session_ends_the_answers_in_it(process: ChatProcess, owner: User, stub: StubTgi):
    slow(stub)
    asked = await ask(owner)
    await some_text(process, asked)
    await in_thread(shelf.delete, owner_id=owner.pk, session_ids=[asked.session_id])
    await until(lambda: (stub.running, process.runs, process.writer.running) == (0, {}, {}))


async def last_update(process: ChatProcess, interaction: Interaction) -> Interaction | None:
    found = None
    async for update in follow(process, interaction.pk):
        found = update.finished
    return found


async def test_an_answer_that_nobody_follows_is_made_and_saved_all_the_same(
    process: ChatProcess, owner: User, stub: StubTgi
):
    asked = await ask(owner)
    await until(partial(is_complete, asked))


async def is_complete(interaction: Interaction) -> bool:
    return (await saved(interaction)).status == "complete"


async def test_many_answers_at_once_cost_statements_by_time_not_by_token(
    process: ChatProcess, owner: User, stub: StubTgi
):
    stub.behaviour = Behaviour(pieces=["x"] * 300, delay_s=0.002)
    asked = [await ask(owner) for _ in range(8)]
    began = time.monotonic()
    with statements() as sent:
        ended = await asyncio.gather(*(finished(process, one) for one in asked))
    ticks = (time.monotonic() - began) / 0.25
    assert {one.final_response_text for one in ended} == {"x" * 300}
    renewals = [sql for sql in sent if "unnest" in sql and "running" in sql]
    # Every end wakes the writer early, at most once for each answer.
    assert len(renewals) <= ticks + len(asked) + 2


async def test_the_same_interaction_is_begun_once_only(process: ChatProcess, owner: User, stub: StubTgi):
    asked = await ask(owner)
    process.begin(asked.pk)
    process.begin(asked.pk)
    await finished(process, asked)
    assert len(stub.requests) == 1


async def test_a_client_is_closed_with_its_process(transactional_db: None, stub: StubTgi):
    async with another_process(stub.url) as process:
        client: InferenceClient = process.client
        assert await client.healthy()
    with pytest.raises(RuntimeError, match="closed"):
        await client.healthy()
