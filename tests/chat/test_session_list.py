"""The list of chats: groups by day, pinned and archived ones, and what is done to several at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from accounts.models import User
from chat import shelf
from chat.models import ChatSession
from chat.sidebar import SIDEBAR_PINNED, SIDEBAR_SESSIONS, grouped, listed, sidebar_context, with_today
from tests.support.browsers import Browser, is_page

ALL = "/chat/all/"


def make(owner: User, title: str, *, used: datetime | None = None, **fields: bool) -> ChatSession:
    """A chat; `used`: when it was last used, if not now."""
    made = ChatSession.objects.create(owner=owner, title=title, **fields)
    if used:
        ChatSession.objects.filter(pk=made.pk).update(updated=used)
    return ChatSession.objects.get(pk=made.pk)


def in_list(owner: User) -> set[str]:
    return set(ChatSession.objects.filter(owner=owner, deleted=None, archived=False).values_list("title", flat=True))


def test_chats_stand_under_the_day_of_their_last_use(owner: User):
    noon = timezone.localtime().replace(hour=12, minute=0)
    expected = {"Today": 0, "Yesterday": 1, "Previous 7 days": 6, "Previous 30 days": 29}
    made = [make(owner, name, used=noon - timedelta(days=days)) for name, days in expected.items()]
    long_ago = make(owner, "May 2021", used=noon.replace(year=2021, month=5, day=10))
    groups = grouped([*made, long_ago])
    assert [(group.name, [one.title for one in group.sessions]) for group in groups] == [
        (name, [name]) for name in [*expected, "May 2021"]
    ]


@pytest.mark.parametrize(
    ("days", "group"), [(1, "Yesterday"), (2, "Previous 7 days"), (7, "Previous 7 days"), (8, "Previous 30 days")]
)
def test_a_group_begins_and_ends_with_a_day(owner: User, days: int, group: str):
    noon = timezone.localtime().replace(hour=12, minute=0)
    assert grouped([make(owner, "A chat", used=noon - timedelta(days=days))])[0].name == group


def test_the_day_is_the_readers(browser: Browser, owner: User):
    zone = ZoneInfo("Pacific/Auckland")
    midnight = timezone.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    make(owner, "Late", used=midnight - timedelta(seconds=1))
    make(owner, "Early", used=midnight + timedelta(seconds=1))
    browser.client.cookies["timezone"] = "Pacific/Auckland"
    text = browser.get(ALL).text
    assert text.rindex("Today") < text.rindex(">Early<") < text.rindex("Yesterday") < text.rindex(">Late<")


@pytest.mark.parametrize("name", ["Nowhere/Else", "../../etc/passwd", "America", "/etc/localtime", "x" * 500, "ä\x00"])
def test_a_time_zone_that_is_none_is_utc(browser: Browser, owner: User, name: str):
    make(owner, "A chat")
    browser.client.cookies["timezone"] = name
    response = browser.get(ALL)
    assert response.status_code == 200
    assert "Today" in response.text


def test_months_have_names_in_the_readers_language(owner: User):
    chat = make(owner, "Alt", used=timezone.now().replace(year=2021, month=5, day=10))
    with translation.override("de"):
        assert grouped([chat])[0].name == "Mai 2021"


def test_todays_group_is_there_for_a_chat_that_is_used(owner: User):
    yesterday = make(owner, "Old", used=timezone.now() - timedelta(days=1, hours=1))
    pinned = make(owner, "Kept", pinned=True)
    groups = with_today(grouped([pinned, yesterday]))
    assert [group.key for group in groups[:2]] == ["pinned", "today"]
    assert groups[1].sessions == []
    assert [group.key for group in with_today([])] == ["today"]


def test_pinned_chats_are_on_top_however_old_they_are(browser: Browser, owner: User):
    make(owner, "Kept", used=timezone.now() - timedelta(days=900), pinned=True)
    for number in range(SIDEBAR_SESSIONS + 5):
        make(owner, f"Chat {number:03}")
    text = browser.get("/chat/").text
    assert text.index("Pinned") < text.index(">Kept<") < text.index("Today") < text.index(">Chat 044<")


def test_the_sidebar_is_bounded_and_costs_two_statements(owner: User):
    for number in range(60):
        make(owner, f"Chat {number}", pinned=number % 2 == 0)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        context = sidebar_context(owner)
    assert len(queries) == 2
    assert sum(len(group.sessions) for group in context["groups"]) == SIDEBAR_PINNED + 30
    assert context["more_sessions"]


def test_the_sidebar_shows_no_archived_and_no_deleted_chat(browser: Browser, owner: User):
    make(owner, "Archived one", archived=True)
    gone = make(owner, "Deleted one")
    shelf.delete(owner_id=owner.pk, session_ids=[gone.pk])
    text = browser.get("/chat/").text
    assert "Archived one" not in text
    assert "Deleted one" not in text


def test_the_archive_shows_what_is_archived_alone(browser: Browser, owner: User):
    make(owner, "Archived one", archived=True)
    make(owner, "Listed one")
    main = browser.get(f"{ALL}?archived").text.partition("<main")[2]
    assert "Archived one" in main
    assert "Listed one" not in main
    assert "Archived one" not in browser.get(ALL).text


@pytest.mark.parametrize(
    ("query", "says"),
    [("", "There are no chats yet."), ("?archived", "The archive is empty."), ("?q=x", "Nothing was")],
)
def test_an_empty_list_says_what_to_do(browser: Browser, query: str, says: str):
    assert says in browser.get(ALL + query).text


# What is done to several ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
@pytest.mark.parametrize(
    ("verb", "changes"),
    [
        ("pin", ({}, {"pinned": True, "archived": False})),
        ("unpin", ({"pinned": True}, {"pinned": False, "archived": False})),
        ("archive", ({"pinned": True}, {"pinned": False, "archived": True})),
        ("unarchive", ({"archived": True}, {"pinned": False, "archived": False})),
    ],
)
def test_the_selected_chats_are_changed_and_no_others(
    browser: Browser, owner: User, htmx: bool, verb: str, changes: tuple[dict[str, Any], dict[str, Any]]
):
    before, after = changes
    chosen = [make(owner, f"Chosen {number}", **before) for number in range(2)]
    other = make(owner, "Other", **before)
    form = {verb: "", "session": [str(one.pk) for one in chosen]}
    response = change(browser, form, htmx=htmx)
    assert response.status_code == (200 if htmx else 303)
    assert is_page(response) is False
    for one in chosen:
        one.refresh_from_db()
        assert {name: getattr(one, name) for name in after} == after
    other.refresh_from_db()
    assert {name: getattr(other, name) for name in before} == before


def change(browser: Browser, form: dict[str, Any], *, htmx: bool = False) -> Any:
    headers = {"HX-Request": "true", "HX-Target": "all", "HX-Current-URL": f"http://testserver{ALL}"} if htmx else {}
    return browser.client.post(ALL, form, headers=headers)


def test_a_button_of_one_chat_is_for_that_one(browser: Browser, owner: User):
    one, other = make(owner, "One"), make(owner, "Other")
    back = other.get_absolute_url()
    response = browser.client.post(ALL, {"archive": str(one.pk), "session": str(other.pk), "next": back})
    assert (response.status_code, response["Location"]) == (303, back)
    assert in_list(owner) == {"Other"}
    assert "1 chat archived." in browser.get(back).text


def test_htmx_gets_the_sidebar_again_and_the_open_chat_stays_marked(browser: Browser, owner: User):
    one, other = make(owner, "One"), make(owner, "Other")
    headers = {
        "HX-Request": "true",
        "HX-Target": "sessions",
        "HX-Current-URL": f"http://testserver{other.get_absolute_url()}",
    }
    response = browser.client.post(ALL, {"pin": str(one.pk)}, headers=headers)
    assert response.text.count('aria-current="page"') == 1
    assert response.text.index("Pinned") < response.text.index(">One<") < response.text.index(">Other<")


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
def test_a_form_leads_to_no_other_site(browser: Browser, owner: User, back: str):
    one = make(owner, "One")
    response = browser.client.post(ALL, {"pin": str(one.pk), "next": back})
    assert response["Location"] == ALL


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"archive": ""}, "Select the chats first."),
        ({"archive": "", "session": "nonsense"}, "Select the chats first."),
        ({"session": str(uuid4())}, "Choose what to do with the chats."),
        ({"archive": str(uuid4())}, "These chats are not there any more."),
        ({"delete": str(uuid4())}, "These chats are not there any more."),
    ],
)
def test_what_cannot_be_done_is_said(browser: Browser, owner: User, form: dict[str, Any], says: str):
    make(owner, "One")
    assert change(browser, form).status_code == 303
    assert says in browser.get(ALL).text
    assert says in change(browser, form, htmx=True).text
    assert in_list(owner) == {"One"}


@pytest.mark.parametrize("verb", ["pin", "unpin", "archive", "unarchive", "delete"])
def test_a_strangers_chat_is_left_alone(strange_browser: Browser, owner: User, verb: str):
    one = make(owner, "One", pinned=verb == "unpin", archived=verb == "unarchive")
    change(strange_browser, {verb: str(one.pk)})
    found = ChatSession.objects.get(pk=one.pk)
    assert (found.pinned, found.archived, found.deleted) == (one.pinned, one.archived, None)


def test_asking_in_an_archived_chat_brings_it_back(browser: Browser, owner: User):
    one = make(owner, "One", archived=True)
    browser.post(one.get_absolute_url(), {"query": "Still there?"})
    one.refresh_from_db()
    assert not one.archived


def test_a_pinned_chat_that_is_used_stays_where_it_is_in_the_list(browser: Browser, owner: User):
    kept, other = make(owner, "Kept", pinned=True), make(owner, "Other")
    assert "#session-list" not in browser.post(kept.get_absolute_url(), {"query": "Hi"}, htmx=True).text
    assert "#session-list" in browser.post(other.get_absolute_url(), {"query": "Hi"}, htmx=True).text


@pytest.mark.parametrize("title", ["", "<script>alert(1)</script>", "مرحبا", "🎉"])
def test_every_title_can_be_seen(browser: Browser, owner: User, title: str):
    make(owner, title)
    text = browser.get(ALL).text
    assert "<script>alert" not in text
    assert (title or "Untitled chat").replace("<", "&lt;").replace(">", "&gt;") in text


def test_five_thousand_chats_make_no_page_longer(browser: Browser, owner: User):
    """Neither in what is sent nor in the statements; and what the database reads for the sidebar is bounded as well."""
    make(owner, "One")
    few = [browser.get(path) for path in ("/chat/", ALL)]
    ChatSession.objects.bulk_create(
        ChatSession(owner=owner, title=f"Chat {number}", archived=number % 2 == 0) for number in range(5_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE chat_chatsession")
        sql, params = listed(owner).filter(pinned=False).order_by("-updated", "-id")[:41].query.sql_with_params()
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        assert "chatsession_owner_updated" in str(cursor.fetchone())
    for path, before in zip(("/chat/", ALL), few, strict=True):
        with CaptureQueriesContext(connection) as queries:
            after = browser.get(path)
        assert len(queries) <= 7
        assert len(after.content) - len(before.content) < 100_000
