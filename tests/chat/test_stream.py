"""GET /interactions/<uuid>/stream/: an answer as HTML events, over a real connection to a real server."""

from __future__ import annotations

import asyncio
import re
import time
from uuid import uuid4

import aiohttp
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from yarl import URL

from accounts.models import User
from chat import tickets
from chat.database import in_thread
from chat.follow import Update
from chat.markdown import render
from chat.models import Interaction, Status
from chat.presentation import id_prefix
from chat.sse import comment
from chat.streams import TAIL_CHARACTERS_PER_S, AnswerEvents
from tests.support.answers import ask, make_interaction, make_running, saved
from tests.support.site_server import SiteServer
from tests.support.sse import Event, events
from tests.support.statements import statements
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until

TEXT = (
    "# Title\n\nFirst *paragraph*.\n\n- one\n- two\n\n```python\nprint('<b>')\n```\n\n"
    "Last <script>alert(1)</script> & end.\n"
)

DEFINED_BELOW = (
    "Read [this][1] and [that], as [^they] say.\n\nAn ordinary paragraph.\n\n"
    "[1]: http://first.example\n\n[THAT]: http://that.example 'Title'\n\n[1]: http://second.example\n\n[^they]: Who?\n"
)

# What opening a stream reads: the log-in, and whether the answer is the reader's.
OPENING = [["accounts_login"], ["chat_interaction"]]


def path(interaction: Interaction, more: str = "") -> str:
    return f"/interactions/{interaction.pk}/stream/{more}"


async def read(
    client: aiohttp.ClientSession, interaction: Interaction, *, last_id: int | None = None, more: str = ""
) -> list[Event]:
    headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
    async with client.get(path(interaction, more), headers=headers) as response:
        assert response.status == 200
        return [event async for event in events(response)]


def blocks(found: list[Event]) -> list[Event]:
    return [event for event in found if event.name == "block"]


def speak(stub: StubTgi, text: str = TEXT) -> None:
    stub.behaviour = Behaviour(pieces=[text[start : start + 5] for start in range(0, len(text), 5)], delay_s=0.01)


async def test_an_answer_arrives_as_blocks_then_done_with_the_whole(site: SiteServer, owner: User, stub: StubTgi):
    speak(stub)
    asked = await ask(owner)
    async with site.browser(owner) as client:
        found = await read(client, asked)
    assert {event.name for event in found} == {"block", "tail", "done"}
    assert [event.name for event in found].count("done") == 1
    assert found[-1].name == "done"
    html = "".join(event.data for event in blocks(found))
    assert html == render(TEXT, prefix=id_prefix(asked.pk))
    assert html in found[-1].data
    assert 'data-status="complete"' in found[-1].data


async def test_the_end_has_what_the_answer_defines_further_down(site: SiteServer, owner: User, stub: StubTgi):
    """For who saw it from its beginning, came back in the middle, or loads the page: the same."""
    speak(stub, DEFINED_BELOW)
    asked = await ask(owner)
    async with site.browser(owner) as client:
        found = await read(client, asked)
        again = await read(client, asked)
        middle = await read(client, asked, last_id=blocks(found)[0].id)
        async with client.get(f"/chat/{asked.session_id}/") as response:
            page = await response.text()
    html = render(DEFINED_BELOW, prefix=id_prefix(asked.pk))
    assert '<a href="http://first.example"' in html
    assert '<a href="http://that.example" title="Title"' in html
    assert f'<sup class="footnote-ref"><a href="#{id_prefix(asked.pk)}fn-they"' in html
    assert "second" not in html
    assert "[this][1]" in blocks(found)[0].data
    for end in (found[-1].data, again[-1].data, middle[-1].data, page):
        assert html in end


async def test_ids_grow_and_are_where_the_blocks_end(site: SiteServer, owner: User, stub: StubTgi):
    speak(stub)
    asked = await ask(owner)
    async with site.browser(owner) as client:
        found = await read(client, asked)
    ids = [event.id for event in blocks(found)]
    assert ids == sorted(set(ids), key=lambda value: value or 0)
    assert ids[-1] == len(TEXT)
    assert {event.id for event in found if event.name in {"tail", "done"}} == {None}


async def test_a_client_that_comes_back_with_an_id_gets_the_blocks_after_it(site: SiteServer, owner: User):
    made = await in_thread(make_interaction, owner, status=Status.COMPLETE, final_response_text=TEXT)
    async with site.browser(owner) as client:
        whole = await read(client, made)
        for event in blocks(whole):
            rest = await read(client, made, last_id=event.id)
            assert blocks(rest) == [one for one in blocks(whole) if (one.id or 0) > (event.id or 0)]
            assert rest[-1].name == "done"


async def test_coming_back_at_any_offset_of_a_running_answer_misses_and_repeats_nothing(
    site: SiteServer, owner: User, stub: StubTgi
):
    speak(stub)
    asked = await ask(owner)
    async with site.browser(owner) as client:
        streams = await asyncio.gather(*(read(client, asked, more=f"?from={n}") for n in range(0, 130, 10)))
    whole = blocks(streams[0])
    for start, found in zip(range(0, 130, 10), streams, strict=True):
        assert blocks(found) == [event for event in whole if (event.id or 0) > start]


async def test_the_tail_is_the_live_end_as_safe_html(site: SiteServer, owner: User):
    made = await in_thread(make_running, owner, "another", text="*so far* <script>x</script>")
    async with site.browser(owner) as client, client.get(path(made)) as response:
        async for event in events(response):
            if event.name == "tail" and "so far" in event.data:
                break
    assert "<script" not in event.data
    assert "<em>so far</em>" in event.data


async def test_a_question_that_waits_says_what_for(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour.refuse_with = 429
    asked = await ask(owner)
    async with site.browser(owner) as client:
        found = await read(client, asked)
    assert any("busy" in event.data for event in found if event.name == "tail")
    assert 'data-status="failed"' in found[-1].data
    assert "busy" in found[-1].data


async def test_the_end_carries_a_form_that_works(site: SiteServer, owner: User, stub: StubTgi):
    """The form came by a stream: its token must fit the cookie of the page."""
    asked = await ask(owner)
    async with site.browser(owner) as client:
        async with client.get("/chat/") as page:
            assert page.status == 200
        done = (await read(client, asked))[-1].data
        token = done.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        form = {"csrfmiddlewaretoken": token}
        async with client.post(f"/interactions/{asked.pk}/regenerate/", data=form) as response:
            assert response.status == 200


async def test_the_headers_keep_proxies_and_caches_out_of_the_way(site: SiteServer, owner: User):
    made = await in_thread(make_interaction, owner, status=Status.COMPLETE, final_response_text="x")
    async with site.browser(owner) as client, client.get(path(made)) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-cache, no-transform"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert "Content-Length" not in response.headers


async def test_a_quiet_stream_is_kept_open_with_comments(
    site: SiteServer, owner: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("chat.follow.HEARTBEAT_S", 0.05)
    made = await in_thread(make_running, owner, "another", text="x")
    async with site.browser(owner) as client, client.get(path(made)) as response:
        async for event in events(response):
            if event.name == "":
                break
    assert event == Event("", "", None)


async def test_a_stream_holds_no_database_connection(site: SiteServer, owner: User):
    """More streams than the pool has connections, and the pages still work."""
    pool = connection.settings_dict["OPTIONS"]["pool"]
    made = await in_thread(make_running, owner, "another", text="so far")
    async with site.browser(owner) as client:
        client.connector._limit = 0  # type: ignore[union-attr]  # a browser would open several windows
        streams = [await client.get(path(made)) for _ in range(pool["max_size"] + 4)]
        for response in streams:
            await response.content.readuntil(b"\n\n")
        async with asyncio.timeout(4), client.get("/chat/") as page:
            assert page.status == 200
        for response in streams:
            response.close()


async def test_a_stream_is_opened_with_two_statements(site: SiteServer, owner: User):
    made = await in_thread(make_interaction, owner, status=Status.COMPLETE, final_response_text=TEXT)
    async with site.browser(owner) as client:
        with statements() as sent:
            await read(client, made)
    mine = [sql for sql in sent if "SKIP LOCKED" not in sql]  # how the process looks for answers that nobody makes
    assert [re.findall(r"FROM (\w+)", sql)[:1] for sql in mine[:2]] == OPENING
    assert len(mine) <= 5, "the log and the saved answer after that"


async def test_who_has_just_asked_opens_the_stream_without_being_looked_up(site: SiteServer, owner: User):
    made = await in_thread(make_interaction, owner, status=Status.COMPLETE, final_response_text=TEXT)
    async with site.browser(owner) as client:
        key = client.cookie_jar.filter_cookies(URL(site.url))[settings.SESSION_COOKIE_NAME].value
        with statements() as sent:
            await read(client, made, more=f"?from=0&ticket={tickets.make(made.pk, key)}")
    assert not [sql for sql in sent if "accounts_login" in sql]


async def test_a_ticket_is_no_use_to_anybody_else(site: SiteServer, owner: User, stranger: User):
    made = await in_thread(make_interaction, owner, status=Status.COMPLETE, final_response_text=TEXT)
    async with site.browser(owner) as client:
        key = client.cookie_jar.filter_cookies(URL(site.url))[settings.SESSION_COOKIE_NAME].value
    with_ticket = path(made, f"?ticket={tickets.make(made.pk, key)}")
    async with site.browser(stranger) as client, client.get(with_ticket) as response:
        assert response.status == 404
    async with site.browser() as client, client.get(with_ticket) as response:
        assert response.status == 401


async def test_a_reader_who_leaves_does_not_end_the_answer(site: SiteServer, owner: User, stub: StubTgi):
    speak(stub)
    asked = await ask(owner)
    async with site.browser(owner) as client, client.get(path(asked)) as response:
        await response.content.readuntil(b"\n\n")

    async def complete() -> bool:
        return (await saved(asked)).final_response_text == TEXT

    await until(complete)
    assert stub.cancelled == 0


async def test_the_answer_of_a_stranger_is_not_there(site: SiteServer, owner: User, stranger: User):
    made = await in_thread(make_running, owner, "another", text="secret")
    async with (
        site.browser(stranger) as client,
        client.get(path(made)) as theirs,
        client.get(f"/interactions/{uuid4()}/stream/") as missing,
    ):
        assert (theirs.status, missing.status) == (404, 404)
        assert "secret" not in await theirs.text()


async def test_nobody_is_told_to_log_in_first(site: SiteServer, owner: User):
    made = await in_thread(make_running, owner, "another", text="secret")
    async with site.browser() as client, client.get(path(made)) as response:
        assert response.status == 401
        assert "secret" not in await response.text()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_stream_can_only_be_read(client: Client, owner: User, method: str):
    client.force_login(owner)
    response = client.generic(method, path(make_interaction(owner)))
    assert (response.status_code, response["Allow"]) == (405, "GET")


async def test_an_id_that_is_not_ours_starts_from_the_beginning(site: SiteServer, owner: User):
    made = await in_thread(make_interaction, owner, status=Status.COMPLETE, final_response_text=TEXT)
    async with site.browser(owner) as client:
        whole = blocks(await read(client, made))
        for value in ("", "x", "-1", "1.5", "9" * 30, "\xb2"):
            headers = {"Last-Event-ID": value}
            async with client.get(path(made), headers=headers) as response:
                assert blocks([event async for event in events(response)]) == whole, value


async def test_a_server_that_stops_sends_the_client_away_to_come_back(site: SiteServer, owner: User, stub: StubTgi):
    from config.asgi import drain

    made = await in_thread(make_running, owner, "another", text="so far")
    async with site.browser(owner) as client:
        async with client.get(path(made)) as response:
            await response.content.readuntil(b"\n\n")
            drain()
            async with asyncio.timeout(3):
                assert "done" not in [event.name async for event in events(response)]
        async with client.get(path(made)) as response:
            assert response.status == 503


async def test_two_tabs_see_the_same(site: SiteServer, owner: User, stub: StubTgi):
    speak(stub)
    asked = await ask(owner)
    async with site.browser(owner) as first, site.browser(owner) as second:
        one, two = await asyncio.gather(read(first, asked), read(second, asked))
    assert blocks(one) == blocks(two)


@pytest.mark.parametrize("line", ["a line of code\n", "- an item of a list\n"])
def test_a_part_that_never_ends_costs_little_more_than_its_length(line: str):
    """Nothing of it is finished, so each update could bring all of it again."""
    answer = AnswerEvents(uuid4(), csrf_token=lambda: "", start=0)
    pieces = ["```\n", *[line] * (100_000 // len(line))]
    sent = 0
    began = time.monotonic()
    for piece in pieces:
        sent += sum(map(len, answer.of(Update(0, piece, "generating", "", None, None))))
    took = time.monotonic() - began
    assert sent < 10 * (100_000 + took * TAIL_CHARACTERS_PER_S)


def test_what_a_long_part_has_at_its_end_is_shown_with_the_next_finished_one():
    answer = AnswerEvents(uuid4(), csrf_token=lambda: "", start=0)
    answer.of(Update(0, "```\n" + "code\n" * 10_000, "generating", "", None, None))
    held = answer.of(Update(0, "more\n", "generating", "", None, None))
    shown = answer.of(Update(0, "```\n\nAfter it.", "generating", "", None, None))
    assert held == [comment()]
    assert b"event: block" in shown[0]
    assert b"more" in shown[0]
    assert b"After it." in shown[1]
