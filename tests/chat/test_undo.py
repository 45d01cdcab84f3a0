"""Deleting chats, taking that back, and their end."""

from __future__ import annotations

import re
import threading
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.http import Http404
from django.utils import timezone

from accounts.models import User
from chat import conversation, shelf
from chat.database import in_thread
from chat.models import ChatSession, Interaction, ResponseChunk
from chat.process import ChatProcess
from chat.purging import MOST_AT_ONCE, UNDO_FOR, purge
from tests.support.answers import ask, make_interaction, make_running, saved
from tests.support.browsers import Browser
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until

DELETED = re.compile(r'name="deleted" value="([^"]+)"')


def there(owner: User) -> int:
    return ChatSession.objects.filter(owner=owner, deleted=None).count()


def deleted_ago(owner: User, ago: timedelta) -> ChatSession:
    made = make_interaction(owner).session
    ChatSession.objects.filter(pk=made.pk).update(deleted=timezone.now() - ago)
    return made


def test_the_page_after_a_deletion_offers_to_undo_it(browser: Browser, owner: User):
    made = make_interaction(owner)
    response = browser.post("/chat/all/", {"delete": str(made.session_id), "next": made.session.get_absolute_url()})
    assert (response.status_code, response["Location"]) == (303, "/chat/")  # the chat's own page is gone
    page = browser.get(response["Location"]).text
    assert "1 chat deleted." in page
    undone = browser.post("/chat/undelete/", {"deleted": DELETED.findall(page)[0]})
    assert (undone.status_code, undone["Location"]) == (303, made.session.get_absolute_url())
    assert browser.get(undone["Location"]).status_code == 200


def test_htmx_gets_the_offer_with_the_list(browser: Browser, owner: User):
    made = make_interaction(owner)
    headers = {"HX-Request": "true", "HX-Target": "sessions", "HX-Current-URL": "http://testserver/chat/"}
    response = browser.client.post("/chat/all/", {"delete": str(made.session_id)}, headers=headers)
    assert 'hx-swap-oob="innerHTML:#messages"' in response.text
    assert f"session-{made.session_id}" not in response.text
    assert browser.post("/chat/undelete/", {"deleted": DELETED.findall(response.text)[0]}).status_code == 303
    assert there(owner) == 1


def test_what_was_told_once_is_not_told_again(browser: Browser, owner: User):
    browser.post("/chat/all/", {"delete": str(make_interaction(owner).session_id)})
    assert "1 chat deleted." in browser.get("/chat/").text
    assert "1 chat deleted." not in browser.get("/chat/").text


def test_several_go_and_come_back_together(owner: User):
    together = [make_interaction(owner).session_id for _ in range(3)]
    alone = make_interaction(owner).session_id
    deleted, count = shelf.delete(owner_id=owner.pk, session_ids=together)
    shelf.delete(owner_id=owner.pk, session_ids=[alone])
    assert (count, there(owner)) == (3, 0)
    assert deleted is not None
    assert set(shelf.undelete(owner_id=owner.pk, deleted=deleted)) == set(together)
    assert there(owner) == 3


def test_deleting_what_is_deleted_changes_nothing(owner: User):
    made = make_interaction(owner)
    first, _ = shelf.delete(owner_id=owner.pk, session_ids=[made.session_id])
    assert shelf.delete(owner_id=owner.pk, session_ids=[made.session_id]) == (None, 0)
    assert ChatSession.objects.get().deleted == first


def test_a_stranger_undoes_nothing(strange_browser: Browser, owner: User):
    deleted, _ = shelf.delete(owner_id=owner.pk, session_ids=[make_interaction(owner).session_id])
    assert deleted is not None
    assert strange_browser.post("/chat/undelete/", {"deleted": deleted.isoformat()}).status_code == 410
    assert there(owner) == 0


@pytest.mark.parametrize("when", ["", "yesterday", "2026-01-01", "2026-01-01T00:00:00", "9" * 60, "a\x00", None])
def test_what_cannot_be_undone_is_said(browser: Browser, when: str | None):
    response = browser.post("/chat/undelete/", {} if when is None else {"deleted": when})
    assert response.status_code == 410
    assert "kept for ten minutes" in response.text


async def test_a_deleted_chats_answer_is_stopped_and_comes_back_with_its_text(
    process: ChatProcess, owner: User, stub: StubTgi
):
    stub.behaviour = Behaviour(pieces=["word "] * 2000, delay_s=0.005)
    asked = await ask(owner)
    await until(lambda: asked.pk in process.runs and process.runs[asked.pk].feed.text)
    deleted, _ = await in_thread(shelf.delete, owner_id=owner.pk, session_ids=[asked.session_id])
    assert deleted is not None
    await until(lambda: (stub.running, process.runs) == (0, {}))
    await in_thread(shelf.undelete, owner_id=owner.pk, deleted=deleted)
    found = await saved(asked)
    assert (found.status, found.final_response_text.startswith("word")) == ("stopped", True)


def test_an_answer_of_another_process_is_told_to_stop(owner: User):
    running = make_running(owner, "another", text="so far")
    shelf.delete(owner_id=owner.pk, session_ids=[running.session_id])
    running.refresh_from_db()
    assert running.stop_requested


# The end -------------------------------------------------------------------------------------------------------------


def test_a_deleted_chat_goes_for_good_when_its_time_is_over(owner: User):
    kept = make_interaction(owner).session
    waiting = deleted_ago(owner, UNDO_FOR - timedelta(minutes=1))
    over = make_running(owner, "another", text="so far").session
    ChatSession.objects.filter(pk=over.pk).update(deleted=timezone.now() - UNDO_FOR - timedelta(seconds=5))
    assert purge() == 1
    assert set(ChatSession.objects.values_list("pk", flat=True)) == {kept.pk, waiting.pk}
    assert Interaction.objects.count() == 2
    assert not ResponseChunk.objects.exists()


def test_much_that_was_deleted_goes_in_portions(owner: User):
    for _ in range(MOST_AT_ONCE + 3):
        deleted_ago(owner, UNDO_FOR * 2)
    assert [purge(), purge(), purge()] == [MOST_AT_ONCE, 3, 0]


@pytest.mark.django_db(transaction=True)
def test_two_processes_purge_different_chats(owner: User):
    """The second does not wait for the first, and takes what is left."""
    for _ in range(MOST_AT_ONCE + 3):
        deleted_ago(owner, UNDO_FOR * 2)
    counts: list[int] = []

    def another_process() -> None:
        counts.append(purge())
        connection.close()

    with transaction.atomic():
        counts.append(purge())
        other = threading.Thread(target=another_process)
        other.start()
        other.join(10)
        assert not other.is_alive()
    assert sorted(counts) == [3, MOST_AT_ONCE]
    assert not ChatSession.objects.exists()


async def test_a_web_process_clears_out_what_was_deleted(process: ChatProcess, owner: User):
    await in_thread(deleted_ago, owner, UNDO_FOR * 2)
    process._purge_at = 0.0  # as a minute later

    async def gone() -> bool:
        return not await in_thread(ChatSession.objects.exists)

    await until(gone)


def test_the_time_of_a_deletion_survives_its_way_through_the_page(owner: User):
    deleted, _ = shelf.delete(owner_id=owner.pk, session_ids=[make_interaction(owner).session_id])
    assert deleted is not None
    assert datetime.fromisoformat(deleted.isoformat()) == deleted


def test_nothing_is_asked_again_in_a_chat_that_was_deleted_meanwhile(owner: User):
    """The page was looked up before the deletion, the session is locked after it."""
    made = make_interaction(owner)
    shelf.delete(owner_id=owner.pk, session_ids=[made.session_id])
    with pytest.raises(Http404):
        conversation.regenerate(interaction=made)
    assert Interaction.objects.count() == 1
