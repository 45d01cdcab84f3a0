"""Shared links: what they show, to whom, and until when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.models import User
from chat import sharing
from chat.models import ChatSession, SharedLink, Status
from tests.support.answers import make_answered, make_interaction
from tests.support.browsers import Browser


def url_of(session: ChatSession) -> str:
    return f"/chat/{session.pk}/share/"


def test_a_link_is_made_by_a_form_and_read_by_nobody_in_particular(owner: User, browser: Browser, visitor: Browser):
    first = make_answered(owner, "How high?", final_response_text="**Very** high.")
    response = browser.post(url_of(first.session))
    assert (response.status_code, response["Location"]) == (303, url_of(first.session))
    link = SharedLink.objects.get()
    assert link.get_absolute_url() in browser.get(url_of(first.session)).text
    page = visitor.get(link.get_absolute_url())
    assert page.status_code == 200
    assert "How high?" in page.text
    assert "<strong>Very</strong> high." in page.text


def test_a_link_shows_neither_name_nor_system_prompt_nor_later_turns_nor_other_branches(owner: User, visitor: Browser):
    User.objects.filter(pk=owner.pk).update(email="me@example.org")
    first = make_answered(owner, "shown first")
    ChatSession.objects.update(system_prompt="secret prompt")
    leaf = make_answered(owner, "shown second", after=first, rating=-1, rating_comment="secret comment")
    make_answered(owner, "another branch", after=first)
    make_answered(owner, "asked later", after=leaf)
    link = sharing.share(session=first.session, at=leaf.pk)
    response = visitor.get(link.get_absolute_url())
    assert "shown first" in response.text
    assert "shown second" in response.text
    everything = response.text + str(response.headers)
    for hidden in ("owner", "example.org", "secret", "another branch", "asked later", str(first.session_id)):
        assert hidden not in everything


def test_a_later_name_of_the_chat_is_not_shown(owner: User, visitor: Browser):
    link = sharing.share(session=make_answered(owner, "Why is the sky blue?").session)
    ChatSession.objects.update(title="Sister's secret")
    text = visitor.get(link.get_absolute_url()).text
    assert "<title>Why is the sky blue? · Parley</title>" in text
    assert "secret" not in text


def test_who_is_logged_in_sees_the_same_page(owner: User, strange_browser: Browser, visitor: Browser):
    address = sharing.share(session=make_answered(owner, "x").session).get_absolute_url()
    assert strange_browser.get(address).text == visitor.get(address).text


def test_a_shared_page_is_not_kept_not_indexed_and_runs_no_script(owner: User, visitor: Browser):
    link = sharing.share(session=make_answered(owner, "x").session)
    response = visitor.get(link.get_absolute_url())
    assert "no-store" in response["Cache-Control"]
    assert "noindex" in response["X-Robots-Tag"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert "Content-Security-Policy" in response
    assert "<script" not in response.text
    assert not response.cookies


@pytest.mark.parametrize("reason", ["revoked", "deleted chat", "unknown"])
def test_a_link_that_leads_nowhere_is_not_found(reason: str, owner: User, browser: Browser, visitor: Browser):
    session = make_answered(owner, "x").session
    address = sharing.share(session=session).get_absolute_url()
    if reason == "revoked":
        response = browser.post(f"{url_of(session)}revoke/", {"token": address.split("/")[2]})
        assert (response.status_code, response["Location"]) == (303, url_of(session))
    elif reason == "deleted chat":
        ChatSession.objects.update(deleted=datetime(2026, 1, 1, tzinfo=UTC))
    else:
        address = "/s/unknown/"
    response = visitor.get(address)
    assert response.status_code == 404
    assert "There is nothing here" in response.text


def test_a_stranger_neither_makes_nor_sees_nor_revokes_links(owner: User, strange_browser: Browser):
    session = make_answered(owner, "x").session
    token = sharing.share(session=session).token
    assert strange_browser.get(url_of(session)).status_code == 404
    assert strange_browser.post(url_of(session)).status_code == 404
    assert strange_browser.post(f"{url_of(session)}revoke/", {"token": token}).status_code == 404
    assert SharedLink.objects.count() == 1


def test_a_link_of_another_chat_is_not_revoked(owner: User, browser: Browser):
    token = sharing.share(session=make_answered(owner, "x").session).token
    other = make_answered(owner, "y").session
    assert browser.post(f"{url_of(other)}revoke/", {"token": token}).status_code == 404
    assert SharedLink.objects.count() == 1


def test_a_chat_without_a_finished_answer_is_not_shared_and_says_why(owner: User, browser: Browser):
    session = make_interaction(owner, status=Status.QUEUED).session
    response = browser.post(url_of(session))
    assert response.status_code == 409
    assert "no finished answer to share yet" in response.text
    assert not SharedLink.objects.exists()
