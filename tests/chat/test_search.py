"""Searching chats: what is found, what is shown of it, whose it is, and what hostile searches do."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
import pytest
from django.db import connection
from django.template import Context, Template

from accounts.models import User
from chat import leases, shelf
from chat.models import ChatSession, Interaction, Status
from chat.search import MOST_CHARACTERS, MOST_HITS, MOST_TERMS, RECENT, search, terms_of
from launcher import REPOSITORY
from tests.support.answers import make_interaction, make_running
from tests.support.browsers import Browser

ALL = "/chat/all/"


def say(owner: User, query: str = "", answer: str = "", *, title: str = "A chat") -> Interaction:
    """A chat with one question, answered."""
    session = ChatSession.objects.create(owner=owner, title=title)
    return make_interaction(owner, query, session=session, final_response_text=answer, status=Status.COMPLETE)


def found(owner: User, text: str) -> list[str]:
    """The titles of the chats that are found."""
    return [one.session.title for one in search(owner_id=owner.pk, text=text).found]


@pytest.fixture(params=["recent", "index"])
def bounds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything is found among the newest interactions, or by the indexes alone."""
    if request.param == "index":
        monkeypatch.setattr("chat.search.RECENT", 0)
    return str(request.param)


TEXT = (
    "The Lighthouse at Écluse: print('hello.world') costs 100% of snake_case, 5 € or C:\\temp. "
    "今天天气很好。 Привет мир! مرحبا"
)


@pytest.mark.usefixtures("bounds")
@pytest.mark.parametrize(
    "text",
    [
        "lighthouse",
        "LIGHTHOUSE",
        "light",
        "ghthou",  # a part of a word
        "lighthouse print",
        "print lighthouse",  # in whichever order
        '"lighthouse at"',
        '"LIGHTHOUSE   AT"',
        "écluse",
        "ÉCL",
        "hello.world",
        "world",
        "100%",
        "snake_case",
        "ake_ca",
        "C:\\temp",
        "天气",
        "今天天气",
        "天",
        "天气很好",
        "привет",
        "риве",
        "мир",
        "مرحبا",
        "رحب",
        "li",  # a word that begins with it
        "at",
    ],
)
@pytest.mark.parametrize("where", ["question", "answer"])
def test_a_text_is_found(owner: User, text: str, where: str):
    say(owner, "Something else", "entirely", title="Not this")
    say(owner, **({"query": TEXT} if where == "question" else {"answer": TEXT}), title="This")
    assert found(owner, text) == ["This"]


@pytest.mark.usefixtures("bounds")
@pytest.mark.parametrize(
    "text",
    [
        "lighthouses",
        "lighthouse absent",
        '"at lighthouse"',
        "1000%",
        "100_",
        "snake-case",
        "snakeXcase",
        "l_ghthouse",
        "l%house",
        "气天",
        "明天",
        "ht",  # only in the middle of a word
    ],
)
def test_a_text_that_is_not_there_is_not_found(owner: User, text: str):
    say(owner, TEXT, title="This")
    assert found(owner, text) == []


@pytest.mark.usefixtures("bounds")
def test_every_part_of_a_text_without_spaces_is_found(owner: User):
    text = "今天天气很好。明天会下雨吗"
    say(owner, f"Hello{text}?", title="This")
    parts = {text[start:end] for start in range(len(text)) for end in range(start + 1, min(start + 5, len(text) + 1))}
    missed = {part for part in parts if found(owner, part) != ["This"]}
    assert missed <= {"。"}  # signs alone are looked for among the newest only


@pytest.mark.parametrize("text", ["paris", "ARI", "trip pa", "Pä", "50%", "🎉", "_", "巴黎"])
def test_a_title_is_found(owner: User, text: str):
    say(owner, "x", "y", title="Trip to Paris, Pärnu & 50%_off 🎉 巴黎")
    say(owner, "x", "y", title="Not this")
    assert found(owner, text) == ["Trip to Paris, Pärnu & 50%_off 🎉 巴黎"]


def test_what_is_only_signs_is_found_among_the_newest(owner: User):
    say(owner, "What does => mean? 🎉", title="This")
    assert found(owner, "=>") == found(owner, "🎉") == ["This"]


def test_the_newest_come_first_each_chat_once(owner: User):
    first, second = say(owner, "apples", title="First"), say(owner, "apples", title="Second")
    make_interaction(owner, "more apples", session=first.session, status=Status.COMPLETE)
    assert found(owner, "apples") == ["First", "Second"]
    [hits, _] = [one.hits for one in search(owner_id=owner.pk, text="apples").found]
    assert [hit.snippet for hit in hits] == ["more apples", "apples"]
    assert second.pk not in {hit.interaction_id for hit in hits}


@pytest.mark.usefixtures("bounds")
def test_only_the_owners_chats_that_are_there_are_found(owner: User, stranger: User):
    say(stranger, "apples", title="A stranger's apples")
    gone = say(owner, "apples", title="Deleted apples")
    shelf.delete(owner_id=owner.pk, session_ids=[gone.session_id])
    say(owner, "apples", title="Mine")
    for _ in range(MOST_HITS + 1):  # as many newer ones as would fill the list
        say(stranger, "apples", title="More of a stranger's apples")
    assert found(owner, "apples") == ["Mine"]


def test_what_is_archived_is_found_and_says_so(browser: Browser, owner: User):
    made = say(owner, "apples")
    shelf.archive(owner_id=owner.pk, session_ids=[made.session_id])
    assert "Archived" in browser.get(f"{ALL}?q=apples").text


def test_a_question_is_found_while_its_answer_is_written(owner: User):
    make_running(owner, "another", query="apples")
    assert found(owner, "apples") == ["A chat"]


@pytest.mark.usefixtures("bounds")
def test_of_many_hits_the_newest_are_shown_and_it_is_said(browser: Browser, owner: User):
    for number in range(MOST_HITS + 5):
        say(owner, "apples", title=f"Chat {number}")
    results = search(owner_id=owner.pk, text="apples")
    assert results.is_cut
    assert [one.session.title for one in results.found] == [f"Chat {number}" for number in range(MOST_HITS + 4, 4, -1)]
    assert "There are more." in browser.get(f"{ALL}?q=apples").text


def test_what_is_older_than_the_newest_is_found_by_the_indexes(owner: User):
    old = say(owner, "one apple a day", title="Old")
    session = ChatSession.objects.create(owner=owner, title="New")
    Interaction.objects.bulk_create(
        Interaction(session=session, query_text="pears", status=Status.COMPLETE) for _ in range(RECENT + 1)
    )
    assert found(owner, "apple") == found(owner, "ppl") == found(owner, "da") == ["Old"]
    assert [hit.interaction_id for hit in search(owner_id=owner.pk, text="apple").found[0].hits] == [old.pk]


# What is shown -------------------------------------------------------------------------------------------------------


def test_a_hit_leads_to_its_turn(browser: Browser, owner: User):
    made = say(owner, "Where are the apples?")
    text = browser.get(f"{ALL}?q=apples").text
    assert f'href="{made.session.get_absolute_url()}?at={made.pk}#turn-{made.pk}"' in text
    assert "Where are the <mark>apples</mark>?" in text


def test_a_snippet_is_the_text_around_the_hit(owner: User):
    say(owner, "", "before " * 100 + "\n\n  needle\t " + "after " * 100)
    [one] = search(owner_id=owner.pk, text="needle").found
    snippet = one.hits[0].snippet
    assert snippet.startswith("…before before")
    assert " needle after " in snippet
    assert snippet.endswith("after…")
    assert len(snippet) < 240


def test_the_beginning_and_the_whole_are_not_cut(owner: User):
    say(owner, "needle in a haystack")
    assert search(owner_id=owner.pk, text="needle").found[0].hits[0].snippet == "needle in a haystack"


@pytest.mark.parametrize(
    ("text", "terms", "shown"),
    [
        ("a < b & c", ["<"], "a <mark>&lt;</mark> b &amp; c"),
        ("<script>x</script>", ["script"], "&lt;<mark>script</mark>&gt;x&lt;/<mark>script</mark>&gt;"),
        ("&amp; amp", ["amp"], "&amp;<mark>amp</mark>; <mark>amp</mark>"),
        ("Apple apple", ["APPLE"], "<mark>Apple</mark> <mark>apple</mark>"),
        ("foobar foo", ["foo", "foobar"], "<mark>foobar</mark> <mark>foo</mark>"),
        ("1.5 or 125", ["1.5"], "<mark>1.5</mark> or 125"),
        ("at that", ["at"], "<mark>at</mark> that"),
        ("a (b", ["(b"], "a <mark>(b</mark>"),
        ("今天天气", ["天气"], "今天<mark>天气</mark>"),
        ("plain", [], "plain"),
    ],
)
def test_hits_are_marked_and_all_else_is_text(text: str, terms: list[str], shown: str):
    template = Template("{% load search %}{% marked text terms %}")
    assert template.render(Context({"text": text, "terms": terms})) == shown


def test_a_title_is_marked_too(browser: Browser, owner: User):
    say(owner, title="<b>Apples</b>")
    assert "&lt;b&gt;<mark>Apples</mark>&lt;/b&gt;" in browser.get(f"{ALL}?q=apples").text


def test_htmx_gets_the_list_for_the_place_that_asks(browser: Browser, owner: User):
    say(owner, "apples")
    for target in ("sessions", "all"):
        response = browser.client.get(f"{ALL}?q=apples", headers={"HX-Request": "true", "HX-Target": target})
        assert response.text.lstrip().startswith(f'<div id="{target}"')
        assert "<mark>apples</mark>" in response.text
        assert "1 chat found." in response.text


def test_the_sidebars_list_comes_back_when_the_field_is_empty(browser: Browser, owner: User):
    say(owner, "apples")
    response = browser.client.get(f"{ALL}?q=", headers={"HX-Request": "true", "HX-Target": "sessions"})
    assert 'id="session-list"' in response.text
    assert 'class="session-item"' in response.text


def test_while_results_are_shown_a_question_still_has_its_place(browser: Browser, owner: User):
    """HTMX puts the chat that is used into the list by the list's id."""
    response = browser.client.get(f"{ALL}?q=x", headers={"HX-Request": "true", "HX-Target": "sessions"})
    assert '<ul id="session-list" hidden>' in response.text


# What is typed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a b  c", ["a", "b", "c"]),
        ('"a b" c', ["a b", "c"]),
        ('"a  b', ["a", "b"]),
        ('""', []),
        (" \t ", []),
        ("a a A", ["a", "A"]),
        (" ".join("abcdefghijklmnopqrstuvwxyz"), list("abcdefghijklmnopqrstuvwxyz")[:MOST_TERMS]),
    ],
)
def test_words_and_phrases(text: str, terms: list[str]):
    assert terms_of(text) == terms


SIGNS = ["%", "_", "\\", "'", '"', "!!!", "...", "&|!:*", "<->", "(", "[", "\u200b", "\ufffd", "\u202e", "\U0001f600"]
ATTEMPTS = ["';--", "%s", "%(owner)s", "{found}", "a:*", "\\m", "(?i", "ﬀ", "İ"]
HOSTILE = [*SIGNS, *ATTEMPTS, "a" * 200, "%" * 200, "あ" * 200, "xy z " * 40]


@pytest.mark.usefixtures("bounds")
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_search_finds_what_has_it_and_nothing_else(browser: Browser, owner: User, text: str):
    say(owner, "plain words", "and plain answers", title="Plain")
    response = browser.get(f"{ALL}?q={text.replace('%', '%25').replace('&', '%26')}")
    assert response.status_code == 200
    assert "Plain</" not in response.text.partition("<main")[2]


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
@pytest.mark.parametrize(
    ("text", "says"), [("x" * (MOST_CHARACTERS + 1), "201"), ("x" * 10_000, "10000"), ("a%00b", "NUL character")]
)
def test_what_cannot_be_searched_for_is_said_and_kept(browser: Browser, text: str, says: str, htmx: bool):
    headers = {"HX-Request": "true", "HX-Target": "sessions"} if htmx else {}
    response = browser.client.get(f"{ALL}?q={text}", headers=headers)
    assert response.status_code == 422
    assert says in response.text
    assert htmx or f'value="{text[:1]}' in response.text


# What it costs -------------------------------------------------------------------------------------------------------


def test_a_checkpoint_touches_no_index(owner: User):
    """An update that changes no indexed column stays in its page ("heap only"), as long as that has room."""
    running = make_running(owner, "me", query="apples")
    with connection.cursor() as cursor:
        before = _heap_only(cursor)
        for number in range(12):
            leases.renew(owner="me", progress=[leases.Progress(running.pk, "generating", number, "x")])
        assert _heap_only(cursor) >= before + 8


def _heap_only(cursor: object) -> int:
    cursor.execute("SELECT pg_stat_get_xact_tuples_hot_updated('chat_interaction'::regclass)")  # type: ignore[attr-defined]
    return int(cursor.fetchone()[0])  # type: ignore[attr-defined]


def test_a_very_long_text_is_saved_and_found(owner: User):
    """A vector of words may not be larger than a megabyte."""
    words = " ".join(f"w{number:x}ord" for number in range(100_000))
    say(owner, "apples " + words[:180_000], words)
    say(owner, "苹果" * 60_000, title="Chinese")
    assert found(owner, "apples") == ["A chat"]
    assert found(owner, "苹果") == ["Chinese"]


# Making it possible --------------------------------------------------------------------------------------------------


def test_where_the_extension_may_not_be_made_it_is_said_what_to_do_and_that_helps():
    """A database that belongs to an administrator, who has to make the extension."""
    with psycopg.connect(as_superuser(os.environ["DATABASE_URL"]), autocommit=True) as postgres:
        postgres.execute("CREATE DATABASE lodging")
    lodging = os.environ["DATABASE_URL"].removesuffix("/parley") + "/lodging"
    with psycopg.connect(as_superuser(lodging), autocommit=True) as postgres:
        postgres.execute("GRANT CREATE ON SCHEMA public TO parley")
        refused = migrate(lodging)
        assert refused.returncode != 0
        assert "run: CREATE EXTENSION pg_trgm" in refused.stderr
        assert "Traceback" not in refused.stderr
        postgres.execute("CREATE EXTENSION pg_trgm")
        assert migrate(lodging).returncode == 0
        assert postgres.execute("SELECT to_regclass('interaction_parts')").fetchone() != (None,)


def as_superuser(url: str) -> str:
    return url.replace("//parley@", "//postgres@", 1)


def migrate(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, REPOSITORY / "site/manage.py", "migrate", "-v0"],
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"},
        check=False,
        capture_output=True,
        text=True,
    )
