"""Closed tabs, reloads, second tabs and second devices: an answer belongs to none of them."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.support.database import Database
from tests.support.followers import PageFollower, ProgramFollower, following
from tests.support.hosts import Host
from tests.support.model import Model, words
from tests.support.people import Asked, Person, log_in, sign_up
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUNNING = re.compile(r'id="answer-([0-9a-f-]{36})"[^>]*sse-connect="[^"]*\?from=(\d+)"')
BLOCKS = re.compile(r'<div class="blocks"[^>]*>(.*?)</div>', re.DOTALL)


async def test_followers_from_every_offset_in_any_process_miss_and_repeat_nothing(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(60), delay_s=0.02)
    asked = await person.ask(first.url)
    offsets = [0, 1, 5, 6, 7, 40, len(whole) // 2, len(whole) - 1, len(whole)]
    followers = [ProgramFollower([host.url], asked, start=start) for start in offsets for host in (first, second)]
    async with following(*followers, person=person):
        await asyncio.gather(*(one.end() for one in followers))
    assert [one.text for one in followers] == [whole[start:] for start in offsets for _ in (first, second)]
    assert all(one.finished["final_response_text"] == whole for one in followers)
    assert database.saved(asked.interaction_id).logged == ""
    late = [ProgramFollower([host.url], asked, start=7) for host in (first, second)]
    async with following(*late, person=person):
        await asyncio.gather(*(one.end() for one in late))
    assert [one.text for one in late] == [whole[7:]] * 2


async def test_a_second_tab_and_a_second_device_see_what_the_first_one_sees(
    first: Host, second: Host, database: Database, model: Model
):
    whole = model.speak(words(400), delay_s=0.02)
    here = await sign_up(first.url, "two-devices")
    phone = await log_in(second.url, "two-devices")
    assert here.session_cookie != phone.session_cookie
    asked = await here.ask_by_form(first.url)
    tabs = [PageFollower([first.url], asked) for _ in range(2)]
    on_the_phone, program = PageFollower([second.url], asked), ProgramFollower([second.url], asked)
    async with following(*tabs, person=here), following(on_the_phone, program, person=phone):
        await until(lambda: all(one.blocks for one in tabs))
        await reload_shows_all(first.url, asked, here, tabs[0])
        await reload_shows_all(second.url, asked, phone, tabs[0])
        model.hurry()
        await asyncio.gather(*(one.end() for one in (*tabs, on_the_phone, program)))
    blocks = "".join(tabs[0].blocks)
    assert "".join(tabs[1].blocks) == "".join(on_the_phone.blocks) == blocks
    assert all(blocks.count(f"né{number}🙂") == 1 for number in range(1, 401))
    assert program.text == database.saved(asked.interaction_id).text == whole
    assert len(model.requests) == 1


async def test_an_answer_that_nobody_follows_any_longer_is_finished_and_saved(
    first: Host, second: Host, database: Database, person: Person, model: Model
):
    whole = model.speak(words(400), delay_s=0.02)
    asked = await person.ask(first.url)
    page, program = PageFollower([first.url], asked), ProgramFollower([second.url], asked)
    async with following(page, program, person=person):
        await until(lambda: page.blocks and program.text)
    assert model.running == 1, "all tabs are closed, and it goes on"
    model.hurry()
    await until(lambda: database.saved(asked.interaction_id).status == "complete")
    assert database.saved(asked.interaction_id).text == whole
    async with person.browser(second.url) as browser, browser.get(asked.page) as response:
        assert (await response.text()).count("né400🙂") == 1


async def test_a_connection_that_breaks_comes_back_to_any_process_with_the_id_it_has(
    first: Host, second: Host, person: Person, model: Model
):
    whole = model.speak(words(400), delay_s=0.02)
    asked = await person.ask(first.url)
    undisturbed = PageFollower([first.url], asked)
    page, program = PageFollower([first.url, second.url], asked), ProgramFollower([second.url, first.url], asked)
    async with following(undisturbed, person=person):
        for _ in range(4):  # a train through tunnels
            async with following(page, program, person=person):
                await asyncio.gather(page.gets_a_block(), program.gets(1))
        model.hurry()
        async with following(page, program, person=person):
            await asyncio.gather(undisturbed.end(), page.end(), program.end())
    assert page.connections == program.connections == 5
    assert "".join(page.blocks) == "".join(undisturbed.blocks)
    assert program.text == whole


async def reload_shows_all(url: str, asked: Asked, person: Person, tab: PageFollower) -> None:
    """A page that is loaded again has all finished blocks, and its stream brings exactly the ones after them."""
    async with person.browser(url) as browser, browser.get(asked.page) as response:
        page = await response.text()
    [(interaction_id, start)] = RUNNING.findall(page)
    assert interaction_id == str(asked.interaction_id)
    [shown] = BLOCKS.findall(page)
    again = PageFollower([url], asked, start=int(start))
    async with following(again, person=person):
        await until(lambda: len(again.blocks) >= 2)
        await until(lambda: len("".join(tab.blocks)) >= len(shown + "".join(again.blocks)))
    assert "".join(tab.blocks).startswith(shown + "".join(again.blocks))
