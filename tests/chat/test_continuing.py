"""Going on with an answer that was cut, from the text it has."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chat import conversation
from chat.database import in_thread
from chat.models import Interaction, ResponseChunk, Status
from chat.process import ChatProcess
from tests.support.answers import ask, finished, make_interaction, saved
from tests.support.stub_tgi import StubTgi

CUT: dict[str, Any] = {
    "status": Status.FAILED,
    "final_response_text": "Hello, ",
    "error_code": "interrupted",
    "generated_tokens": 2,
}


async def test_the_same_answer_goes_on_where_it_was_cut(process: ChatProcess, owner: User, stub: StubTgi):
    made = await in_thread(make_interaction, owner, **CUT)
    await in_thread(conversation.continue_answer, interaction=made)
    await finished(process, made)
    after = await saved(made)
    assert (after.status, after.final_response_text) == (Status.COMPLETE, "Hello, world.")
    assert stub.requests[-1]["messages"][-1] == {"role": "assistant", "content": "Hello, "}
    assert (after.error_code, after.generated_tokens) == ("", 4)
    assert await in_thread(ResponseChunk.objects.count) == 0


async def test_an_answer_that_reached_its_limit_gets_as_many_tokens_again(
    process: ChatProcess, owner: User, stub: StubTgi
):
    made = await in_thread(
        make_interaction,
        owner,
        status=Status.COMPLETE,
        finish_reason="length",
        final_response_text="Hello",
        generated_tokens=30,
        parameters={"max_tokens": 30},
    )
    await in_thread(conversation.continue_answer, interaction=made)
    await finished(process, made)
    assert stub.requests[-1]["max_tokens"] == 1024


async def test_what_was_stopped_can_be_continued_and_stopped_again(process: ChatProcess, owner: User, stub: StubTgi):
    stub.behaviour.delay_s = 30
    made = await in_thread(make_interaction, owner, **CUT | {"status": Status.STOPPED})
    again = await in_thread(conversation.continue_answer, interaction=made)
    await in_thread(conversation.request_stop, interaction=again)
    assert (await finished(process, again)).status == Status.STOPPED


@pytest.mark.parametrize(
    "fields",
    [{"status": Status.COMPLETE, "finish_reason": "stop"}, {"status": Status.QUEUED}, {"status": Status.GENERATING}],
)
def test_a_whole_or_running_answer_cannot_be_continued(fields: dict[str, str], owner: User):
    made = make_interaction(owner, final_response_text="All of it", **fields)
    with pytest.raises(conversation.NotContinuable):
        conversation.continue_answer(interaction=made)
    assert Interaction.objects.get().final_response_text == "All of it"


async def test_two_who_continue_at_once_make_one_answer(process: ChatProcess, owner: User, stub: StubTgi):
    stub.behaviour.delay_s = 30
    made = await in_thread(make_interaction, owner, **CUT)
    await in_thread(conversation.continue_answer, interaction=made)
    with pytest.raises(conversation.NotContinuable):
        await in_thread(conversation.continue_answer, interaction=made)


def test_the_page_offers_it_where_there_is_text_to_go_on_from(client: Client, owner: User):
    client.force_login(owner)
    cut = make_interaction(owner, **CUT)
    empty = make_interaction(owner, **CUT | {"final_response_text": ""})
    url = reverse("continue_interaction", args=[cut.pk])
    assert url in client.get(cut.session.get_absolute_url()).text
    assert "/continue/" not in client.get(empty.session.get_absolute_url()).text
    assert client.post(url).status_code == 303
    assert client.post(url, headers={"HX-Request": "true"}).status_code == 409


async def test_a_question_after_a_cut_answer_sees_its_text(process: ChatProcess, owner: User, stub: StubTgi):
    made = await in_thread(make_interaction, owner, **CUT)
    asked = await ask(owner, "And then?", session=made.session)
    await finished(process, asked)
    assert [message["content"] for message in stub.requests[-1]["messages"]] == ["Hi", "Hello, ", "And then?"]
