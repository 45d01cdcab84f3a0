"""GET /api/sessions/: which sessions, in which order, and page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from chat.models import ChatSession, Interaction
from tests.support.answers import make_answered

DAY = datetime(2026, 3, 1, tzinfo=UTC)
ORDERINGS = ["-created", "created", "-updated", "updated", "title", "-title"]


def make(owner: User, title: str = "", **fields: Any) -> ChatSession:
    """A session with the times that are given, too."""
    times = {name: fields.pop(name) for name in ("created", "updated") if name in fields}
    made = ChatSession.objects.create(owner=owner, title=title, **fields)
    ChatSession.objects.filter(pk=made.pk).update(**times)
    return made


def titles(client: APIClient, query: str = "") -> list[str]:
    response = client.get(f"/api/sessions/{query}")
    assert response.status_code == 200, response.json()
    return [one["title"] for one in response.json()["results"]]


def walk(client: APIClient, url: str, link: str = "next") -> list[list[str]]:
    """The ids of each page, following links."""
    found = []
    following: str | None = url
    while following:
        body = client.get(following).json()
        found.append([one["id"] for one in body["results"]])
        following = body[link]
    return found


def is_invalid(response: Any, field: str) -> bool:
    body = response.json()
    return (response.status_code, body["code"], list(body["errors"])) == (400, "invalid", [field])


# Which ---------------------------------------------------------------------------------------------------------------


def test_the_archive_is_listed_when_it_is_asked_for(program: APIClient, owner: User):
    make(owner, "kept")
    make(owner, "put away", archived=True)
    assert titles(program) == titles(program, "?archived=false") == ["kept"]
    assert titles(program, "?archived=true") == ["put away"]
    assert titles(program, "?archived=all") == ["put away", "kept"]


def test_pinned_ones_can_be_had_alone(program: APIClient, owner: User):
    make(owner, "pinned", pinned=True)
    make(owner, "not")
    assert titles(program) == ["not", "pinned"]
    assert titles(program, "?pinned=true") == ["pinned"]
    assert titles(program, "?pinned=false") == ["not"]


def test_a_deleted_session_is_in_no_list(program: APIClient, owner: User):
    made = make(owner, "gone")
    program.delete(f"/api/sessions/{made.pk}/")
    assert titles(program, "?archived=all") == titles(program, "?search=gone") == []


# In which order ------------------------------------------------------------------------------------------------------


def test_each_order_is_what_it_says(program: APIClient, owner: User):
    make(owner, "b", created=DAY, updated=DAY + timedelta(days=9))
    make(owner, "c", created=DAY + timedelta(days=1), updated=DAY + timedelta(days=2))
    make(owner, "a", created=DAY + timedelta(days=2), updated=DAY + timedelta(days=5))
    assert titles(program) == titles(program, "?ordering=-created") == ["a", "c", "b"]
    assert titles(program, "?ordering=created") == ["b", "c", "a"]
    assert titles(program, "?ordering=-updated") == ["b", "a", "c"]
    assert titles(program, "?ordering=updated") == ["c", "a", "b"]
    assert titles(program, "?ordering=title") == ["a", "b", "c"]
    assert titles(program, "?ordering=-title") == ["c", "b", "a"]


# Page by page --------------------------------------------------------------------------------------------------------


@pytest.fixture
def alike(owner: User) -> list[ChatSession]:
    """Many that no order but the one of their ids tells apart."""
    return [make(owner, "same", created=DAY, updated=DAY) for _ in range(7)]


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_sessions_that_tie_come_once_each_forwards_and_backwards(
    ordering: str, program: APIClient, alike: list[ChatSession], owner: User
):
    for number in range(4):
        make(owner, f"other {number}")
    forwards = walk(program, f"/api/sessions/?ordering={ordering}&page_size=2")
    ids = [one for page in forwards for one in page]
    assert len(ids) == len(set(ids)) == 11
    assert [len(page) for page in forwards] == [2, 2, 2, 2, 2, 1]
    last = program.get(f"/api/sessions/?ordering={ordering}&page_size=2").json()
    while last["next"]:
        last = program.get(last["next"]).json()
    backwards = [[one["id"] for one in last["results"]], *walk(program, last["previous"], "previous")]
    # From the end, and so cut elsewhere: the first page has what is left over.
    assert [one for page in reversed(backwards) for one in page] == ids


def test_the_way_back_leads_through_the_same_pages(program: APIClient, owner: User):
    for number in range(6):
        make(owner, str(number))
    first = program.get("/api/sessions/?page_size=2").json()
    second = program.get(first["next"]).json()
    third = program.get(second["next"]).json()
    assert (first["previous"], third["next"]) == (None, None)
    back = program.get(third["previous"]).json()
    assert back["results"] == second["results"]
    assert program.get(back["previous"]).json()["results"] == first["results"]
    assert program.get(back["next"]).json()["results"] == third["results"]


def test_what_is_deleted_meanwhile_hides_nothing_else(program: APIClient, owner: User):
    made = [make(owner, str(number)) for number in range(6)]
    first = program.get("/api/sessions/?page_size=2").json()
    ChatSession.objects.filter(pk__in=[made[5].pk, made[4].pk]).delete()  # the ones at whose place the cursor is
    assert [one["title"] for one in program.get(first["next"]).json()["results"]] == ["3", "2"]
    ChatSession.objects.all().delete()
    end = program.get(first["next"]).json()
    assert (end["results"], end["next"]) == ([], None)
    assert program.get(end["previous"]).json()["results"] == []


def test_what_is_used_meanwhile_comes_again_at_the_end_and_nothing_is_missed(program: APIClient, owner: User):
    """Oldest use first is the order in which nothing that changes is missed."""
    made = [make(owner, str(number), updated=DAY + timedelta(days=number)) for number in range(6)]
    first = program.get("/api/sessions/?ordering=updated&page_size=2").json()
    for used in (made[0], made[3]):  # one that was seen, and one that was not yet
        ChatSession.objects.filter(pk=used.pk).update(updated=DAY + timedelta(days=10))
    rest = walk(program, first["next"])
    seen = [one["id"] for one in first["results"]] + [one for page in rest for one in page]
    assert seen == [str(made[number].pk) for number in (0, 1, 2, 4, 5, 0, 3)]


def test_what_is_used_meanwhile_is_not_repeated_newest_first(program: APIClient, owner: User):
    made = [make(owner, str(number), updated=DAY + timedelta(days=number)) for number in range(4)]
    first = program.get("/api/sessions/?ordering=-updated&page_size=2").json()
    ChatSession.objects.filter(pk=made[3].pk).update(updated=DAY + timedelta(days=10))
    assert [one["title"] for one in program.get(first["next"]).json()["results"]] == ["1", "0"]


def cursor_of(client: APIClient, query: str) -> str:
    following = client.get(f"/api/sessions/{query}").json()["next"]
    return str(parse_qs(urlsplit(following).query)["cursor"][0])


def test_a_cursor_is_of_one_order(program: APIClient, owner: User):
    make(owner, "a")
    make(owner, "b")
    cursor = cursor_of(program, "?page_size=1&ordering=title")
    assert is_invalid(program.get(f"/api/sessions/?ordering=-updated&cursor={cursor}"), "cursor")


BAD_CURSORS = [
    "nonsense",
    "bnVsbA==",  # null
    "e30=",  # {}
    "W2ZhbHNlLFsiLWNyZWF0ZWQiLCItaWQiXSxbIjIwMjYiXV0=",  # one value for two names
    "W2ZhbHNlLFsiLWNyZWF0ZWQiLCItaWQiXSxbIjIwMjYtMDEtMDEiLCJ4Il1d",  # a day, and no id
    "WzEsWyItY3JlYXRlZCIsIi1pZCJdLFsiMjAyNi0wMS0wMSIsIngiXV0=",  # a number for true or false
    "é",
    "%00",
    "W1tbW1tbW1tbW1tb",
]


@pytest.mark.parametrize("cursor", BAD_CURSORS)
def test_a_cursor_that_is_none_of_ours_is_refused_and_says_what_to_do(cursor: str, program: APIClient):
    response = program.get(f"/api/sessions/?cursor={cursor}")
    assert is_invalid(response, "cursor")


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("page_size=0", "page_size", "greater than or equal to 1"),
        ("page_size=201", "page_size", "less than or equal to 200"),
        ("page_size=many", "page_size", "integer"),
        ("archived=perhaps", "archived", "true, false, all"),
        ("pinned=perhaps", "pinned", "true or false"),
        ("ordering=colour", "ordering", "-created, created, -updated, updated, title, -title"),
        ("search=" + "x" * 201, "search", "200"),
        ("search=%00", "search", "Null"),
    ],
)
def test_what_cannot_be_asked_for_is_named_with_what_can(query: str, field: str, says: str, program: APIClient):
    response = program.get(f"/api/sessions/?{query}")
    assert is_invalid(response, field)
    assert says in response.json()["errors"][field][0]


# Search --------------------------------------------------------------------------------------------------------------


def test_a_search_finds_titles_and_what_was_said_with_the_place(program: APIClient, owner: User, stranger: User):
    make(owner, "All about pears")
    said = make_answered(owner, "Is a tomato a pear?", session=make(owner, "Fruit", archived=True))
    make_answered(stranger, "pears")
    make(owner, "Nothing")
    body = program.get("/api/sessions/?search=pear").json()
    assert [one["title"] for one in body["results"]] == ["All about pears", "Fruit"]
    assert body["results"][0]["hits"] == []
    assert body["results"][1]["hits"] == [{"interaction_id": str(said.pk), "snippet": "Is a tomato a pear?"}]
    assert (body["next"], body["previous"], body["is_cut"]) == (None, None, False)
    assert body["results"][1]["id"] == str(said.session_id)
    assert "system_prompt" in body["results"][1]


def test_a_search_can_be_in_the_archive_alone_or_out_of_it(program: APIClient, owner: User):
    make(owner, "pear one", archived=True)
    make(owner, "pear two")
    assert sorted(titles(program, "?search=pear")) == ["pear one", "pear two"]
    assert titles(program, "?search=pear&archived=true") == ["pear one"]
    assert titles(program, "?search=pear&archived=false") == ["pear two"]


def test_a_list_that_nobody_searched_says_nothing_of_hits(program: APIClient, owner: User):
    make(owner, "x")
    for query in ("", "?search=", "?search=%20"):
        body = program.get(f"/api/sessions/{query}").json()
        assert [one["hits"] for one in body["results"]] == [None]
        assert "is_cut" not in body


# What it costs -------------------------------------------------------------------------------------------------------


def statements_of(client: APIClient, query: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(f"/api/sessions/{query}").status_code == 200
    return [one["sql"] for one in captured.captured_queries]


@pytest.mark.parametrize("query", ["?page_size=200", "?page_size=200&ordering=-updated", "?search=pear"])
def test_a_page_costs_as_many_statements_however_many_sessions_are_on_it(query: str, program: APIClient, owner: User):
    make_answered(owner, "pear", session=make(owner, "pear"))
    few = len(statements_of(program, query))
    for number in range(30):
        make_answered(owner, f"pear {number}", session=make(owner, f"pear {number}"))
    assert len(statements_of(program, query)) == few <= 5


MANY = """
INSERT INTO chat_chatsession (id, owner_id, title, system_prompt, parameters, pinned, archived, created, updated)
SELECT gen_random_uuid(), (%(owners)s::bigint[])[1 + number %% 2], 'chat ' || number, '', '{}', false, false,
    now() - make_interval(mins => number), now() - make_interval(mins => number)
FROM generate_series(1, 5000) AS number;
INSERT INTO chat_interaction (
    id, session_id, query_text, parameters, status, final_response_text, error_code, error_message, finish_reason,
    model_id, dropped_turns, lease_owner, attempts, stop_requested, created)
SELECT gen_random_uuid(), s.id, '', '{}', 'complete', '', '', '', '', '', 0, '', 1, false, now()
FROM chat_chatsession s CROSS JOIN generate_series(1, CASE s.title WHEN 'chat 1' THEN 5020 ELSE 19 END);
ANALYZE chat_chatsession, chat_interaction;
"""


@pytest.fixture
def many(owner: User) -> None:
    """100,000 interactions in 5,000 sessions, one of them long, half of them somebody else's; and what Postgres knows
    of them."""
    owners = [User.objects.create_user("busy").pk, owner.pk]
    with connection.cursor() as cursor:
        cursor.execute(MANY, {"owners": owners})
    assert Interaction.objects.count() >= 100_000


def rows_read(sql: str) -> int:
    """How many rows its scans have read, by EXPLAIN ANALYZE: those that it then threw away, too."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        [plan] = cursor.fetchone()[0]

    def read(node: dict[str, Any]) -> int:
        below = sum(map(read, node.get("Plans", [])))
        own = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) if "Relation Name" in node else 0
        return int(below + own * node["Actual Loops"])

    return read(plan["Plan"])


@pytest.mark.usefixtures("many")
def test_at_100_000_interactions_a_page_reads_its_own_rows_wherever_it_is(program: APIClient, owner: User):
    for ordering in ("-created", "-updated"):
        url = f"?page_size=50&ordering={ordering}"
        cursors = ["", f"&cursor={_far(program, url)}"]
        for cursor in cursors:
            [*_, listing] = statements_of(program, url + cursor)
            assert "chat_chatsession" in listing
            assert rows_read(listing) <= 60, (ordering, cursor, listing)
    session = ChatSession.objects.get(title="chat 1")
    with CaptureQueriesContext(connection) as captured:
        program.get(f"/api/sessions/{session.pk}/interactions/?page_size=5")
    assert rows_read(captured.captured_queries[-1]["sql"]) <= 6


def _far(client: APIClient, url: str) -> str:
    """The cursor after the thousandth session."""
    following = client.get(f"/api/sessions/{url}".replace("page_size=50", "page_size=200")).json()["next"]
    for _ in range(4):
        following = client.get(following).json()["next"]
    return str(parse_qs(urlsplit(following).query)["cursor"][0])


def test_nobody_pages_through_what_is_somebody_elses(program: APIClient, strange_program: APIClient, owner: User):
    for number in range(3):
        make(owner, str(number))
    following = program.get("/api/sessions/?page_size=1").json()["next"]
    assert strange_program.get(following).json()["results"] == []
    assert all(earlier != later for earlier, later in pairwise(walk(program, following)))
    assert strange_program.get(f"/api/sessions/{uuid4()}/interactions/").status_code == 404
