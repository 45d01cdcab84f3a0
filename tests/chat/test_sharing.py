"""Shared links: what they show, to whom, and until when."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import User
from chat import sharing
from chat.models import ChatSession, Interaction, SharedLink, Status
from chat.views.shared import TURNS_ON_A_PAGE
from tests.support.answers import make_answered, make_chain, make_interaction
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


@pytest.mark.parametrize("reason", ["revoked", "deleted chat", "closed account", "unknown"])
def test_a_link_that_leads_nowhere_is_not_found(reason: str, owner: User, browser: Browser, visitor: Browser):
    session = make_answered(owner, "x").session
    address = sharing.share(session=session).get_absolute_url()
    if reason == "revoked":
        response = browser.post(f"{url_of(session)}revoke/", {"token": address.split("/")[2]})
        assert (response.status_code, response["Location"]) == (303, url_of(session))
    elif reason == "deleted chat":
        ChatSession.objects.update(deleted=datetime(2026, 1, 1, tzinfo=UTC))
    elif reason == "closed account":
        User.objects.update(is_active=False)
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


def test_a_form_that_is_sent_twice_makes_one_link(owner: User, browser: Browser):
    made = make_answered(owner, "x")
    for _ in range(2):
        response = browser.post(url_of(made.session), {"at": str(made.pk)})
        assert (response.status_code, response["Location"]) == (303, f"{url_of(made.session)}?at={made.pk}")
    assert SharedLink.objects.count() == 1


def test_what_is_asked_while_the_form_is_open_is_not_shared(owner: User, browser: Browser, visitor: Browser):
    first = make_answered(owner, "seen in the form")
    [at] = re.findall(r'name="at" value="([^"]+)"', browser.get(url_of(first.session)).text)
    make_answered(owner, "asked meanwhile", after=first)
    browser.post(url_of(first.session), {"at": at})
    text = visitor.get(SharedLink.objects.get().get_absolute_url()).text
    assert "seen in the form" in text
    assert "asked meanwhile" not in text


def test_the_path_that_is_shared_is_the_one_that_the_page_shows(owner: User, browser: Browser):
    first = make_answered(owner, "first")
    shown = make_answered(owner, "shown", after=first)
    leaf = make_answered(owner, "shown leaf", after=shown)
    make_answered(owner, "newest of all", after=first)
    text = browser.get(f"{url_of(first.session)}?at={shown.pk}").text
    assert f'name="at" value="{leaf.pk}"' in text
    assert browser.get(f"{url_of(first.session)}?at={make_answered(owner, 'y').pk}").status_code == 404
    assert browser.get(f"{url_of(first.session)}?at=nonsense").status_code == 404


def test_the_list_says_how_much_each_link_shows_and_where_it_ends(owner: User, browser: Browser):
    chain = make_chain(owner, 3)
    for one in (chain[0], chain[2]):
        sharing.share(session=one.session, at=one.pk)
    text = " ".join(browser.get(url_of(chain[0].session)).text.split())
    assert re.findall(r"(\d turns?), since [^<]+: <bdi>(question \d)", text) == [
        ("3 turns", "question 2"),
        ("1 turn", "question 0"),
    ]


def test_an_unfinished_answer_further_up_keeps_the_chat_from_being_shared(owner: User):
    first = make_interaction(owner, status=Status.GENERATING)
    leaf = make_answered(owner, "x", after=first)
    with pytest.raises(sharing.NothingToShare):
        sharing.share(session=first.session, at=leaf.pk)
    assert not SharedLink.objects.exists()


def test_a_chat_has_so_many_links_and_no_more(owner: User, browser: Browser, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sharing, "MOST_LINKS", 1)
    first, second = make_chain(owner, 2)
    sharing.share(session=first.session, at=first.pk)
    response = browser.post(url_of(first.session), {"at": str(second.pk)})
    assert response.status_code == 409
    assert "Revoke one that nobody needs" in response.text
    assert SharedLink.objects.count() == 1


def test_a_long_conversation_is_read_page_by_page_from_its_beginning(owner: User, visitor: Browser):
    chain = make_chain(owner, TURNS_ON_A_PAGE + 1)
    address = sharing.share(session=chain[0].session).get_absolute_url()
    first, second = visitor.get(address).text, visitor.get(f"{address}?page=2").text
    assert first.count("<article") == TURNS_ON_A_PAGE
    assert "question 0." in first
    assert 'href="?page=2"' in first
    assert f"question {TURNS_ON_A_PAGE}." in second
    assert second.count("<article") == 1
    assert "<title>question 0. · Parley</title>" in second
    for number in ("0", "3", "x", "99999999999999999999"):
        assert visitor.get(f"{address}?page={number}").status_code == 404


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"status": Status.FAILED, "error_message": "secret host"}, "The answer failed."),
        ({"status": Status.STOPPED}, "The answer was stopped."),
        ({"finish_reason": "length"}, "The answer reached its length limit."),
    ],
)
def test_how_an_answer_ended_is_said_and_no_more(fields: dict[str, Any], note: str, owner: User, visitor: Browser):
    made = make_answered(owner, "x", **fields)
    text = visitor.get(sharing.share(session=made.session).get_absolute_url()).text
    assert note in text
    assert "secret" not in text


def test_an_answer_that_is_continued_is_not_shown_until_it_has_ended(owner: User, visitor: Browser):
    made = make_answered(owner, "x", final_response_text="begun")
    address = sharing.share(session=made.session).get_absolute_url()
    Interaction.objects.update(status=Status.GENERATING)
    text = visitor.get(address).text
    assert "This answer is still being written." in text
    assert "begun" not in text


def test_nothing_on_the_page_names_a_chat_or_a_turn_as_it_is_known_elsewhere(owner: User, visitor: Browser):
    made = make_answered(owner, "x", final_response_text="A note.[^1]\n\n[^1]: Here.")
    text = visitor.get(sharing.share(session=made.session).get_absolute_url()).text
    assert 'id="t1-' in text
    for known in (made.pk, made.session_id):
        assert str(known) not in text
        assert known.hex[-12:] not in text


def test_a_link_stays_when_the_chat_is_archived_and_goes_with_its_last_turn(owner: User, visitor: Browser):
    made = make_answered(owner, "x")
    address = sharing.share(session=made.session).get_absolute_url()
    ChatSession.objects.update(archived=True)
    assert visitor.get(address).status_code == 200
    made.delete()
    assert visitor.get(address).status_code == 404


@pytest.mark.parametrize("token", ["x" * 10_000, "%00", "-", "a%2Fb", "%F0%9F%98%80"])
def test_a_malformed_token_is_not_found(token: str, visitor: Browser):
    response = visitor.get(f"/s/{token}/")
    assert response.status_code == 404
    assert "There is nothing here" in response.text
