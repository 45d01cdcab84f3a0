"""GET /, /chat/, /chat/<uuid>/ and /chat/all/"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from chat.models import ChatSession, ResponseChunk, Status
from chat.sidebar import SIDEBAR_SESSIONS
from chat.views.sessions import SESSIONS_PER_PAGE
from tests.support.answers import make_chain, make_interaction, make_running
from tests.support.browsers import Browser, is_page


def test_the_site_begins_with_a_new_chat(browser: Browser):
    response = browser.get("/")
    assert (response.status_code, response["Location"]) == (302, "/chat/")
    page = browser.get("/chat/")
    assert page.status_code == 200
    assert is_page(page)
    assert 'name="query"' in page.text


def test_a_chat_shows_its_turns_in_order_with_rendered_answers(browser: Browser, owner: User):
    first = make_interaction(owner, "First?", status=Status.COMPLETE, final_response_text="**One**")
    make_interaction(
        owner,
        "Second?",
        session=first.session,
        parent=first,
        status=Status.COMPLETE,
        final_response_text="Two",
    )
    text = browser.get(first.session.get_absolute_url()).text
    places = [text.index(part) for part in ("First?", "<strong>One</strong>", "Second?", "Two")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"status": Status.STOPPED}, "Stopped."),
        ({"status": Status.FAILED, "error_message": "It is <busy>."}, "It is &lt;busy&gt;."),
        ({"status": Status.COMPLETE, "finish_reason": "length"}, "length limit"),
        ({"status": Status.COMPLETE, "dropped_turns": 2}, "2 oldest turns"),
    ],
)
def test_how_an_answer_ended_is_told_and_its_text_is_kept(
    browser: Browser, owner: User, fields: dict[str, Any], says: str
):
    made = make_interaction(owner, final_response_text="The text so far", **fields)
    text = browser.get(made.session.get_absolute_url()).text
    assert says in text
    assert "The text so far" in text
    assert f"/interactions/{made.pk}/regenerate/" in text


def test_a_running_answer_is_shown_as_far_as_it_is_logged_and_followed_from_there(browser: Browser, owner: User):
    made = make_running(owner, "another", text="# Title\n\nThe live end")
    ResponseChunk.objects.create(interaction=made, offset=len("# Title\n\nThe live end"), text=" of it")
    text = browser.get(made.session.get_absolute_url()).text
    assert "Title</h3>" in text
    assert "The live end of it" in text
    assert f"/interactions/{made.pk}/stream/?from=9" in text
    assert f"/interactions/{made.pk}/stop/" in text


def test_without_scripts_a_page_with_a_running_answer_leads_to_one_that_streams(browser: Browser, owner: User):
    running, done = make_running(owner, "another"), make_interaction(owner, status=Status.COMPLETE)
    refresh = 'http-equiv="refresh"'
    assert f'{refresh} content="0; url={running.session.get_live_url()}?at={running.pk}"' in (
        browser.get(running.session.get_absolute_url()).text
    )
    assert refresh not in browser.get(done.session.get_absolute_url()).text


def test_of_siblings_the_newest_is_shown(browser: Browser, owner: User):
    root = make_interaction(owner, "root", status=Status.COMPLETE, final_response_text="r")
    for number in range(2):
        make_interaction(
            owner,
            "again",
            session=root.session,
            parent=root,
            status=Status.COMPLETE,
            final_response_text=f"variant {number}",
        )
    text = browser.get(root.session.get_absolute_url()).text
    assert "variant 1" in text
    assert "variant 0" not in text


def test_the_cost_of_a_page_does_not_grow_with_its_turns(browser: Browser, owner: User, django_assert_max_num_queries):
    made = make_chain(owner, 60)
    with django_assert_max_num_queries(8):
        browser.get(made[0].session.get_absolute_url())


def test_the_sidebar_lists_ones_own_chats_the_newest_first(browser: Browser, owner: User, stranger: User):
    ChatSession.objects.create(owner=stranger, title="Not yours")
    for number in range(SIDEBAR_SESSIONS + 1):
        ChatSession.objects.create(owner=owner, title=f"Chat {number:03}")
    text = browser.get("/chat/").text
    assert "Not yours" not in text
    assert "Chat 000" not in text
    assert text.index(f"Chat {SIDEBAR_SESSIONS:03}") < text.index("Chat 001")
    assert "/chat/all/" in text


def test_all_chats_come_in_pages(browser: Browser, owner: User, stranger: User):
    ChatSession.objects.create(owner=stranger, title="Not yours")
    for number in range(SESSIONS_PER_PAGE + 1):
        ChatSession.objects.create(owner=owner, title=f"Chat {number:03}")
    first, second = browser.get("/chat/all/").text, browser.get("/chat/all/?page=2").text
    oldest = ChatSession.objects.get(title="Chat 000").get_absolute_url()
    assert "Page 1 of 2" in first
    assert "Page 2 of 2" in second
    assert oldest in second
    assert oldest not in first
    assert "Not yours" not in first + second


@pytest.mark.parametrize("page", ["", "0", "-1", "99", "x", "9" * 40])
def test_a_page_number_that_is_none_is_no_error(browser: Browser, page: str):
    assert browser.get(f"/chat/all/?page={page}").status_code == 200


def test_without_chats_the_list_says_how_to_begin(browser: Browser):
    assert "Start one" in browser.get("/chat/all/").text


@pytest.mark.parametrize("path", ["/chat/", "/chat/all/"])
def test_nobody_is_sent_to_log_in(visitor: Browser, path: str):
    response = visitor.get(path)
    assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={path}")


def test_the_chat_of_a_stranger_and_one_that_is_not_there_look_the_same(
    strange_browser: Browser, visitor: Browser, owner: User
):
    url = make_interaction(owner, "secret").session.get_absolute_url()
    theirs, missing = strange_browser.get(url), strange_browser.get(f"/chat/{uuid4()}/")
    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert theirs.text == missing.text
    assert visitor.get(url).status_code == visitor.get(f"/chat/{uuid4()}/").status_code == 302


def test_pages_are_not_kept_by_caches(browser: Browser, owner: User):
    url = make_interaction(owner).session.get_absolute_url()
    for path in ("/chat/", url, "/chat/all/"):
        assert "no-store" in browser.get(path)["Cache-Control"]


def test_the_policy_for_scripts_and_styles_is_strict(browser: Browser):
    policy = browser.get("/chat/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
