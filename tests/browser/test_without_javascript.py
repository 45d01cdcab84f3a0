"""Everything works by plain links and forms: a browser without JavaScript, the real model."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import ANSWER_MS, SHORT, Visitor
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"width": 360, "height": 740}


async def arrive(visit: Visit, stack: Stack) -> Visitor:
    visitor = await visit(stack, java_script_enabled=False, viewport=PHONE)
    await visitor.sign_up()
    return visitor


async def until_told(visitor: Visitor) -> str:
    """Wait until the page that streams itself has the answer's end; gives the text that is shown."""
    await expect(visitor.answer.locator(".regenerate")).to_be_visible(timeout=ANSWER_MS)
    return await visitor.answer_text()


async def test_the_answer_is_written_into_the_open_page(stack: Stack, visit: Visit):
    visitor = await arrive(visit, stack)
    await visitor.page.get_by_label("Message").fill(SHORT)
    await visitor.page.get_by_role("button", name="Send").click(no_wait_after=True)
    await visitor.until_writing(at_least=10)
    shown = await until_told(visitor)
    assert len([address for address in visitor.addresses if "/live/" in address]) == 1, "the page was not reloaded"
    await visitor.page.reload()
    assert "/live/" not in visitor.page.url
    assert await visitor.until_finished() == shown


async def test_what_is_shown_at_any_time_is_shown_once(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("# Title\n\nFirst *paragraph*.\n\n- one\n- two\n\nLast " + "words " * 50, delay_s=0.05)
    visitor = await arrive(visit, stubbed.stack)
    await visitor.page.get_by_label("Message").fill("Go on.")
    await visitor.page.get_by_role("button", name="Send").click(no_wait_after=True)
    await expect(visitor.answer.get_by_text("words words")).to_be_visible()
    assert (await visitor.answer_text()).count("First") == 1
    await expect(visitor.answer.locator("em")).to_have_text("paragraph")
    await expect(visitor.answer.locator(".draft:visible")).to_have_count(1)
    await until_told(visitor)
    await expect(visitor.answer.locator(".draft:visible")).to_have_count(0)
    await expect(visitor.page.get_by_role("button", name="Stop")).to_have_count(0)
    await expect(visitor.page.get_by_role("button", name="Copy")).to_have_count(0)


async def test_an_answer_that_defines_a_link_at_its_end_is_shown_with_it_and_once(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("See [this] and [^a].\n\nMore.\n\n[this]: http://lamp.example\n\n[^a]: Who?\n", delay_s=0.05)
    visitor = await arrive(visit, stubbed.stack)
    await visitor.page.get_by_label("Message").fill("Go on.")
    await visitor.page.get_by_role("button", name="Send").click(no_wait_after=True)
    await expect(visitor.answer.get_by_text("See [this] and [^a].")).to_be_visible()
    shown = await until_told(visitor)
    assert shown.split() == ["See", "this", "and", "a.", "More.", "a", "Who?"]
    await expect(visitor.answer.locator('a[href="http://lamp.example"]')).to_be_visible()
    note = await visitor.answer.locator(".footnote-ref a:visible").get_attribute("href")
    await expect(visitor.page.locator(note or "")).to_be_visible()
    await visitor.page.reload()
    assert await visitor.until_finished() == shown


async def test_a_reload_in_the_middle_goes_on_from_what_there_is(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("Beginning.\n\n" + "word " * 60, delay_s=0.05)
    visitor = await arrive(visit, stubbed.stack)
    await visitor.page.get_by_label("Message").fill("Go on.")
    await visitor.page.get_by_role("button", name="Send").click(no_wait_after=True)
    await expect(visitor.answer.get_by_text("word word")).to_be_visible()
    for address in (visitor.page.url, visitor.page.url.replace("/live/", "/")):
        await visitor.page.goto(address, wait_until="commit")
        await expect(visitor.answer.get_by_text("word word")).to_be_visible()
        assert "/live/" in visitor.page.url
    text = await until_told(visitor)
    assert text.split() == ["Beginning.", *["word"] * 60]


async def test_the_keyboard_reaches_the_parts_in_the_order_in_which_they_are_read(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("Once upon a time. " * 100, delay_s=0.05)
    visitor = await arrive(visit, stubbed.stack)
    page = visitor.page
    await page.get_by_label("Message").fill("A story, please.")
    await page.get_by_role("button", name="Send").click(no_wait_after=True)
    await expect(visitor.answer.get_by_text("Once upon")).to_be_visible()
    await page.get_by_role("link", name="Edit").focus()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Stop")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Message")).to_be_focused()
    thread, composer = await page.locator("#thread").bounding_box(), await page.locator("#composer").bounding_box()
    assert thread
    assert composer
    assert thread["y"] + thread["height"] <= composer["y"]
    await page.get_by_role("button", name="Stop").click()
    await expect(visitor.answer.locator(".answer-note")).to_have_text("Stopped.", timeout=ANSWER_MS)


async def test_a_browser_without_shadow_roots_shows_the_composer_below_all_the_same(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("Once upon a time. " * 10, delay_s=0.02)
    visitor = await arrive(visit, stubbed.stack)
    page = visitor.page

    async def older(route: Route) -> None:
        response = await route.fetch()
        text = await response.text()
        assert 'shadowrootmode="open"' in text
        await route.fulfill(response=response, body=text.replace('shadowrootmode="open"', ""))

    await page.route("**/live/*", older)
    await page.get_by_label("Message").fill("A story, please.")
    await page.get_by_role("button", name="Send").click(no_wait_after=True)
    assert await until_told(visitor)
    thread, composer = await page.locator("#thread").bounding_box(), await page.locator("#composer").bounding_box()
    assert thread
    assert composer
    assert thread["y"] + thread["height"] <= composer["y"]


async def test_with_scripts_a_page_that_streams_itself_becomes_the_other(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("Beginning.\n\n" + "word " * 60, delay_s=0.05)
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await visitor.ask("Go on.")
    await visitor.until_writing()
    await visitor.page.goto(f"{visitor.page.url}live/", wait_until="commit")
    await expect(visitor.page).not_to_have_url(re.compile("/live/"))
    text = await visitor.until_finished()
    assert text.split() == ["Beginning.", *["word"] * 60]


async def test_stop_try_again_rename_and_delete(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("Once upon a time. " * 100, delay_s=0.05)
    visitor = await arrive(visit, stubbed.stack)
    page = visitor.page
    await page.get_by_label("Message").fill("A story, please.")
    await page.get_by_role("button", name="Send").click(no_wait_after=True)
    await page.get_by_role("button", name="Stop").click()
    await expect(visitor.answer.locator(".answer-note")).to_have_text("Stopped.", timeout=ANSWER_MS)
    stubbed.engine.behave()
    await page.get_by_role("button", name="Try again").click()
    assert await until_told(visitor) == "Hello, world."

    await page.locator(".menu > summary").click()
    await page.locator(".session-item .item-menu > summary").click()
    await page.get_by_role("link", name="Rename").click()
    await page.get_by_label("Name").fill("Lighthouse")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Lighthouse")).to_be_visible()

    await page.goto(f"{visitor.url}/chat/all/")
    await page.get_by_label("Select Lighthouse").check()
    await page.get_by_role("main").get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("There are no chats yet.")).to_be_visible()


async def test_an_empty_message_is_refused_in_words(stubbed: Stubbed, visit: Visit):
    visitor = await arrive(visit, stubbed.stack)
    visitor.expect_complaint("422")
    await visitor.page.get_by_label("Message").fill("   ")
    await visitor.page.get_by_role("button", name="Send").click()
    await expect(visitor.page.locator("#query-error")).to_have_text("Write a message first.")
