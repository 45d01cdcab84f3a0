"""Renaming and deleting chats: /chat/<uuid>/rename/ and /chat/<uuid>/delete/"""

from __future__ import annotations

import pytest

from accounts.models import User
from chat.models import ChatSession
from tests.support.answers import make_interaction, make_running
from tests.support.browsers import Browser, is_page


@pytest.fixture
def session(owner: User) -> ChatSession:
    return make_interaction(owner).session


def rename_url(session: ChatSession) -> str:
    return f"{session.get_absolute_url()}rename/"


def delete_url(session: ChatSession) -> str:
    return f"{session.get_absolute_url()}delete/"


def title_of(session: ChatSession) -> str:
    return ChatSession.objects.get(pk=session.pk).title


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_the_form_has_the_name(browser: Browser, session: ChatSession, htmx: bool):
    response = browser.get(rename_url(session), htmx=htmx)
    assert response.status_code == 200
    assert 'value="A chat"' in response.text
    assert is_page(response) is not htmx


def test_a_plain_form_renames_and_leads_back(browser: Browser, session: ChatSession):
    response = browser.post(rename_url(session), {"title": "Another name"})
    assert (response.status_code, response["Location"]) == (303, session.get_absolute_url())
    assert title_of(session) == "Another name"


def test_htmx_gets_the_renamed_entry_of_the_list(browser: Browser, session: ChatSession):
    response = browser.post(rename_url(session), {"title": "<b>Another</b>"}, htmx=True)
    assert response.status_code == 200
    assert "&lt;b&gt;Another&lt;/b&gt;" in response.text
    assert "<b>Another" not in response.text
    assert not is_page(response)
    assert title_of(session) == "<b>Another</b>"


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
@pytest.mark.parametrize(
    ("title", "says"),
    [("", "Give the chat a name."), ("  ", "Give the chat a name."), ("x" * 201, "201"), ("a\x00b", "NUL")],
)
def test_what_is_no_name_is_told_and_kept(browser: Browser, session: ChatSession, htmx: bool, title: str, says: str):
    response = browser.post(rename_url(session), {"title": title}, htmx=htmx)
    assert response.status_code == 422
    assert says in response.text
    assert f'value="{title.strip()}' in response.text
    assert title_of(session) == "A chat"


def test_deleting_asks_first(browser: Browser, session: ChatSession):
    response = browser.get(delete_url(session))
    assert response.status_code == 200
    assert "Delete this chat?" in response.text
    assert ChatSession.objects.exists()


def is_there(session: ChatSession) -> bool:
    return ChatSession.objects.filter(pk=session.pk, deleted=None).exists()


def test_a_plain_form_deletes_the_chat_with_its_messages(browser: Browser, session: ChatSession):
    response = browser.post(delete_url(session))
    assert (response.status_code, response["Location"]) == (303, "/chat/")
    assert not is_there(session)
    assert browser.get(session.get_absolute_url()).status_code == 404


def test_htmx_deletes_the_chat_that_is_open_and_leads_away(browser: Browser, session: ChatSession):
    response = browser.post(delete_url(session), htmx=True, on=session.get_absolute_url())
    assert response["HX-Redirect"] == "/chat/"
    assert not is_there(session)


def test_htmx_deletes_another_chat_in_place(browser: Browser, session: ChatSession):
    response = browser.post(delete_url(session), htmx=True, on="/chat/")
    assert response.status_code == 200
    assert 'id="sessions"' in response.text
    assert f"session-{session.pk}" not in response.text
    assert "HX-Redirect" not in response
    assert not is_there(session)


def test_a_chat_with_a_running_answer_can_be_deleted(browser: Browser, owner: User):
    running = make_running(owner, "another", text="so far")
    assert browser.post(delete_url(running.session)).status_code == 303
    assert not is_there(running.session)
    running.refresh_from_db()
    assert running.stop_requested


every_action = pytest.mark.parametrize("url_of", [rename_url, delete_url], ids=["rename", "delete"])


@every_action
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_strangers_chat_is_not_there(strange_browser: Browser, session: ChatSession, url_of, method: str):
    assert getattr(strange_browser, method)(url_of(session)).status_code == 404
    assert title_of(session) == "A chat"


@every_action
@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_is_sent_to_log_in(visitor: Browser, session: ChatSession, url_of, method: str):
    url = url_of(session)
    plain = getattr(visitor, method)(url)
    assert (plain.status_code, plain["Location"]) == (302, f"/accounts/login/?next={url}")
    htmx = getattr(visitor, method)(url, htmx=True)
    assert (htmx.status_code, htmx["HX-Retarget"]) == (401, "#notice")
    assert title_of(session) == "A chat"
