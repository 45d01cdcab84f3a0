"""GET /chat/<uuid>/live/: the page of a chat that streams its running answers, over a real connection."""

from __future__ import annotations

import asyncio
import re

import aiohttp
import pytest
from django.db import connection

from accounts.models import User
from chat.database import in_thread
from chat.markdown import render
from chat.models import Interaction, Status
from chat.presentation import id_prefix
from tests.support.answers import ask, make_interaction, make_running, saved
from tests.support.site_server import SiteServer
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until

TEXT = (
    "# Title\n\nFirst *paragraph*.\n\n- one\n- two\n\n```python\nprint('<b>')\n```\n\n"
    "Last <script>alert(1)</script> & end.\n"
)
DRAFT = re.compile(r'<p class="draft" dir="auto">(.*?)</p>', re.DOTALL)


def path(interaction: Interaction) -> str:
    return f"/chat/{interaction.session_id}/live/"


def speak(stub: StubTgi, text: str = TEXT, *, delay_s: float = 0.01) -> None:
    pieces = [text[start : start + 5] for start in range(0, len(text), 5)]
    stub.behaviour = Behaviour(pieces=pieces, delay_s=delay_s)


async def read(client: aiohttp.ClientSession, interaction: Interaction) -> str:
    async with client.get(path(interaction)) as response:
        assert response.status == 200
        return await response.text()


async def until_sent(response: aiohttp.ClientResponse, part: str) -> str:
    """Read until the page has this in it; gives what was read."""
    got = ""
    while part not in got:
        piece = await response.content.readany()
        assert piece, f"the page ended without {part!r}: {got[-600:]}"
        got += piece.decode()
    return got


def without_drafts(page: str) -> str:
    return DRAFT.sub("", page)


async def test_the_page_has_the_answer_that_it_will_have_when_it_is_finished(
    site: SiteServer, owner: User, stub: StubTgi
):
    speak(stub)
    asked = await ask(owner)
    async with site.browser(owner) as client:
        page = await read(client, asked)
        async with client.get(f"/chat/{asked.session_id}/") as response:
            later = await response.text()
    html = render(TEXT, prefix=id_prefix(asked.pk))
    assert html in later
    for block in html.split("\n"):
        assert block in page
    assert without_drafts(page).count("First <em>paragraph</em>.") == 1
    assert "once-more" not in page
    assert page.rstrip().endswith("</html>")
    assert f"/interactions/{asked.pk}/regenerate/" in page.partition("drafts-end")[2]


async def test_an_answer_that_defines_a_link_further_down_is_sent_once_more(
    site: SiteServer, owner: User, stub: StubTgi
):
    text = "See [this] and [^that].\n\nMore.\n\n[this]: http://this.example\n\n[^that]: x\n"
    speak(stub, text)
    asked = await ask(owner)
    async with site.browser(owner) as client:
        page = await read(client, asked)
    before, _, after = page.partition('<hr class="once-more" hidden>')
    assert "See [this] and [^that]." in without_drafts(before)
    assert after.startswith(render(text, prefix=f"{id_prefix(asked.pk)}whole-"))
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))


async def test_the_live_end_is_plain_text_that_the_finished_part_follows(site: SiteServer, owner: User, stub: StubTgi):
    speak(stub, delay_s=0.04)
    asked = await ask(owner)
    async with site.browser(owner) as client:
        page = await read(client, asked)
    assert any("First *para" in one for one in DRAFT.findall(page))
    assert "<script>alert" not in page
    assert page.index("First *para") < page.index("First <em>paragraph</em>.") < page.index("Last &lt;script")


async def test_what_is_sent_grows_with_the_answer_and_not_faster(site: SiteServer, owner: User, stub: StubTgi):
    text = "A line of a list that goes on and on.\n\n" * 200
    speak(stub, text, delay_s=0)
    stub.behaviour.pieces = [text[start : start + 100] for start in range(0, len(text), 100)]
    asked = await ask(owner)
    async with site.browser(owner) as client:
        page = await read(client, asked)
    body = page.partition('<div class="blocks">')[2].partition("drafts-end")[0]
    assert len(body) < 4 * len(text)


async def test_the_composer_and_stop_come_before_the_answer(site: SiteServer, owner: User):
    made = await in_thread(make_running, owner, "another", text="so far")
    async with site.browser(owner) as client, client.get(path(made)) as response:
        got = await until_sent(response, "so far")
    assert 'id="composer"' in got
    assert f'action="/interactions/{made.pk}/stop/"' in got
    assert "</main>" not in got


async def test_reloading_begins_with_what_there_is(site: SiteServer, owner: User, stub: StubTgi):
    speak(stub, "One.\n\nTwo.\n\n" + "more " * 100, delay_s=0.02)
    asked = await ask(owner)
    async with site.browser(owner) as client:
        for _ in range(2):
            async with client.get(path(asked)) as response:
                await until_sent(response, ">Two.</p>")


async def test_two_running_answers_come_one_after_the_other(site: SiteServer, owner: User, stub: StubTgi):
    speak(stub)
    first = await ask(owner)
    second = await ask(owner, "And then?", session=first.session)
    async with site.browser(owner) as client:
        page = await read(client, second)
    assert page.count('class="drafts-end"') == 2
    assert (
        page.index(f'id="answer-{first.pk}"') < page.index("Last &lt;script") < page.index(f'id="answer-{second.pk}"')
    )
    assert without_drafts(page).count("First <em>paragraph</em>.") == 2


async def test_what_an_answer_waits_for_and_how_it_failed_is_told(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour.refuse_with = 429
    asked = await ask(owner)
    async with site.browser(owner) as client:
        page = await read(client, asked)
    assert "The model is busy." in page
    assert '<p class="answer-note failed">' in page.partition("drafts-end")[2]


async def test_stopping_ends_the_page_with_what_there_is(site: SiteServer, owner: User, stub: StubTgi):
    speak(stub, "Once upon a time. " * 100, delay_s=0.02)
    asked = await ask(owner)
    async with site.browser(owner) as client, client.get(path(asked)) as response:
        got = await until_sent(response, "Once upon")
        token = got.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        stop = client.post(
            f"/interactions/{asked.pk}/stop/", data={"csrfmiddlewaretoken": token}, allow_redirects=False
        )
        async with stop as stopped:
            assert stopped.status == 303
        async with asyncio.timeout(4):
            rest = await response.text()
    assert "Stopped." in rest.partition("drafts-end")[2]


async def test_a_finished_chat_leads_to_its_own_page(site: SiteServer, owner: User):
    made = await in_thread(make_interaction, owner, status=Status.COMPLETE, final_response_text="x")
    async with site.browser(owner) as client, client.get(path(made), allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, f"/chat/{made.session_id}/")


async def test_no_proxy_keeps_it_back_and_no_cache_keeps_it(site: SiteServer, owner: User):
    made = await in_thread(make_running, owner, "another", text="x")
    async with site.browser(owner) as client:
        async with client.get(path(made)) as response:
            assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            assert response.headers["X-Accel-Buffering"] == "no"
            assert "no-transform" in response.headers["Cache-Control"]
            assert "no-store" in response.headers["Cache-Control"]
        async with client.head(path(made)) as response:
            assert response.status == 200


async def test_a_quiet_page_is_kept_open(site: SiteServer, owner: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("chat.follow.HEARTBEAT_S", 0.05)
    made = await in_thread(make_running, owner, "another", text="x")
    async with site.browser(owner) as client, client.get(path(made)) as response:
        await until_sent(response, "<!-- -->\n<!-- -->\n")


async def test_it_holds_no_database_connection(site: SiteServer, owner: User):
    pool = connection.settings_dict["OPTIONS"]["pool"]
    made = await in_thread(make_running, owner, "another", text="so far")
    async with site.browser(owner) as client:
        client.connector._limit = 0  # type: ignore[union-attr]  # a browser would open several windows
        pages = [await client.get(path(made)) for _ in range(pool["max_size"] + 4)]
        for page in pages:
            await until_sent(page, "so far")
        async with asyncio.timeout(4), client.get("/chat/") as other:
            assert other.status == 200
        for page in pages:
            page.close()


async def test_a_reader_who_leaves_is_followed_no_longer_and_the_answer_goes_on(
    site: SiteServer, owner: User, stub: StubTgi
):
    from chat.process import current

    speak(stub, delay_s=0.03)
    asked = await ask(owner)
    async with site.browser(owner) as client, client.get(path(asked)) as response:
        await until_sent(response, "Title")
    process = current()
    assert process is not None
    await until(lambda: process.followers == 0)

    async def complete() -> bool:
        return (await saved(asked)).final_response_text == TEXT

    await until(complete)


async def test_a_server_that_stops_says_that_the_page_comes_back(site: SiteServer, owner: User):
    from config.asgi import drain

    made = await in_thread(make_running, owner, "another", text="so far")
    async with site.browser(owner) as client, client.get(path(made)) as response:
        await until_sent(response, "so far")
        drain()
        async with asyncio.timeout(3):
            rest = await response.text()
    assert 'http-equiv="refresh"' in rest
    assert "The connection was lost." in rest
    assert rest.rstrip().endswith("</html>")


async def test_the_chat_of_a_stranger_is_not_there(site: SiteServer, owner: User, stranger: User):
    made = await in_thread(make_running, owner, "another", text="secret")
    async with site.browser(stranger) as client, client.get(path(made)) as response:
        assert response.status == 404
        assert "secret" not in await response.text()
    async with site.browser() as client, client.get(path(made), allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, f"/accounts/login/?next={path(made)}")
