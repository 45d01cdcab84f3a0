"""Everything works by plain links and forms: a browser without JavaScript, the real model."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import ANSWER_MS, SHORT, Visitor
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"width": 360, "height": 740}


async def arrive(visit: Visit, stack: Stack) -> Visitor:
    visitor = await visit(stack, java_script_enabled=False, viewport=PHONE)
    await visitor.sign_up()
    return visitor


async def test_the_page_refreshes_itself_until_the_answer_is_there(stack: Stack, visit: Visit):
    visitor = await arrive(visit, stack)
    await visitor.ask(SHORT)
    shown = await visitor.until_finished()
    await visitor.page.reload()
    assert await visitor.answer_text() == shown


async def test_stop_try_again_rename_and_delete(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("Once upon a time. " * 100, delay_s=0.05)
    visitor = await arrive(visit, stubbed.stack)
    page = visitor.page
    await visitor.ask("A story, please.")
    await page.get_by_role("button", name="Stop").click()
    await expect(visitor.answer).to_have_attribute("data-status", "stopped", timeout=ANSWER_MS)
    stubbed.engine.behave()
    await page.get_by_role("button", name="Try again").click()
    assert await visitor.until_finished() == "Hello, world."

    await page.locator(".menu > summary").click()
    await page.locator(".item-menu > summary").click()
    await page.get_by_role("link", name="Rename").click()
    await page.get_by_label("Name").fill("Lighthouse")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Lighthouse")).to_be_visible()

    await page.goto(f"{visitor.url}/chat/all/")
    await page.get_by_role("main").get_by_role("link", name="Delete").click()
    await page.get_by_role("button", name="Delete").click()
    await expect(page).to_have_url(f"{visitor.url}/chat/")


async def test_an_empty_message_is_refused_in_words(stubbed: Stubbed, visit: Visit):
    visitor = await arrive(visit, stubbed.stack)
    visitor.expect_complaint("422")
    await visitor.page.get_by_label("Message").fill("   ")
    await visitor.page.get_by_role("button", name="Send").click()
    await expect(visitor.page.locator("#query-error")).to_have_text("Write a message first.")
