"""A message that the model cannot take: refused when it is sent, with the numbers, and without a wait for the model."""

from __future__ import annotations

import time
from typing import Any

import pytest

from accounts.models import User
from chat.database import in_thread
from chat.models import ChatSession, Interaction
from chat.process import ChatProcess
from tests.support.answers import ask, finished
from tests.support.browsers import Browser
from tests.support.stub_tgi import StubTgi
from tests.support.waiting import until

# The stub counts words; a message's template takes 4. A quarter of so small a window is kept for the answer.
WINDOW, ROOM = 2000, 1500


@pytest.fixture
async def small(process: ChatProcess, stub: StubTgi) -> ChatProcess:
    """A process that knows its model's window."""
    stub.behaviour.max_total_tokens = stub.behaviour.max_input_tokens = WINDOW
    await process.client.info()
    return process


@pytest.fixture
async def page(owner: User) -> Browser:
    return await in_thread(Browser, owner)


def words(count: int) -> str:
    return " ".join(["word"] * count)


async def send(page: Browser, query: str, path: str = "/chat/", *, htmx: bool = False) -> Any:
    return await in_thread(page.post, path, {"query": query}, htmx=htmx)


async def count_of_interactions() -> int:
    return await in_thread(Interaction.objects.count)


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
async def test_a_message_longer_than_the_window_is_refused_with_both_numbers_and_kept(
    small: ChatProcess, page: Browser, htmx: bool
):
    query = words(ROOM)
    response = await send(page, query, htmx=htmx)
    assert response.status_code == 422
    assert "it has 1,504 tokens, and 1,500 fit" in response.text
    assert query in response.text
    assert await count_of_interactions() == 0


async def test_one_that_just_fits_is_accepted(small: ChatProcess, page: Browser):
    response = await send(page, words(ROOM - 4))
    assert response.status_code == 303
    [made] = await in_thread(list, Interaction.objects.all())
    assert (await finished(small, made)).status == "complete"


async def test_a_chats_system_prompt_and_its_answers_length_count(small: ChatProcess, page: Browser, owner: User):
    begun = await ask(owner)
    await finished(small, begun)
    path, query = f"/chat/{begun.session_id}/", words(ROOM - 4)

    await in_thread(ChatSession.objects.update, parameters={"max_tokens": 100})
    assert (await send(page, words(ROOM + 300), path)).status_code == 303
    await in_thread(ChatSession.objects.update, parameters={}, system_prompt="Be brief.")
    refused = await send(page, query, path)
    assert refused.status_code == 422
    assert "it has 1,506 tokens" in refused.text


async def test_a_question_made_too_long_by_editing_is_refused_and_kept(small: ChatProcess, page: Browser, owner: User):
    begun = await ask(owner)
    await finished(small, begun)
    response = await send(page, words(ROOM), f"/interactions/{begun.pk}/edit/")
    assert response.status_code == 422
    assert "it has 1,504 tokens, and 1,500 fit" in response.text
    assert words(ROOM) in response.text
    assert await count_of_interactions() == 1


async def test_a_new_chat_begins_with_its_owners_system_prompt(small: ChatProcess, page: Browser):
    await in_thread(User.objects.update, system_prompt="Be brief.")
    assert (await send(page, words(ROOM - 4))).status_code == 422


async def test_a_model_that_is_away_makes_nobody_wait(process: ChatProcess, page: Browser, stub: StubTgi):
    await stub.__aexit__()
    begun = time.monotonic()
    response = await send(page, words(2000))
    assert response.status_code == 303
    assert time.monotonic() - begun < 3


async def test_where_the_model_does_not_count_in_time_the_estimate_decides(
    small: ChatProcess, page: Browser, stub: StubTgi
):
    stub.behaviour.count_delay_s = 30
    begun = time.monotonic()
    refused = await send(page, words(ROOM * 2))
    assert time.monotonic() - begun < 3
    assert refused.status_code == 422
    assert "it has 5,0" in refused.text  # a token for three characters


async def test_the_page_knows_the_room_as_soon_as_the_model_has_told_it(process: ChatProcess, page: Browser):
    """A page asks for it, and does not wait."""
    assert process.client.known_info is None

    async def has_room() -> bool:
        return 'data-room="3072"' in (await in_thread(page.get, "/chat/")).text

    await until(has_room)


async def test_a_strangers_chat_stays_unknown(small: ChatProcess, owner: User, stranger: User):
    begun = await ask(owner)
    await finished(small, begun)
    other = await in_thread(Browser, stranger)
    assert (await send(other, words(ROOM - 4), f"/chat/{begun.session_id}/")).status_code == 404
