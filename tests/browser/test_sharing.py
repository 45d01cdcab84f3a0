"""Sharing a chat in a browser, with JavaScript and without, and reading what is shared."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stubbed, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
async def test_share_read_and_revoke(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await visit(stubbed.stack, java_script_enabled=scripts)
    name = await visitor.sign_up()
    await visitor.ask("How do apples grow?")
    await expect(visitor.page.get_by_role("button", name="Try again")).to_be_visible()
    page = visitor.page
    await page.locator("#chat-menu summary").click()
    await page.locator("#chat-menu").get_by_role("link", name="Share and export").click()
    await page.get_by_role("button", name="Make a link").click()
    link = page.locator(".share a", has_text="/s/")
    address = await link.inner_text()
    reader = await visit(stubbed.stack, java_script_enabled=scripts)
    await reader.page.goto(address)
    await expect(reader.page.locator(".question-text")).to_have_text("How do apples grow?")
    await expect(reader.page.locator(".blocks")).not_to_be_empty()
    await expect(reader.page.get_by_text(name)).to_have_count(0)
    await page.get_by_role("button", name="Revoke").click()
    await expect(link).to_have_count(0)
    reader.expect_complaint("404")
    await reader.page.reload()
    await expect(reader.page.get_by_role("heading", name="There is nothing here")).to_be_visible()


async def test_a_link_is_copied_by_its_button(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack, permissions=["clipboard-read", "clipboard-write"])
    await visitor.sign_up()
    await visitor.ask("How do pears grow?")
    await visitor.until_finished()
    page = visitor.page
    await page.goto(f"{page.url.partition('?')[0]}share/")
    await page.get_by_role("button", name="Make a link").click()
    row = page.locator(".share-links > li")
    await row.get_by_role("button", name="Copy").click()
    await expect(row.get_by_role("button", name="Copied")).to_be_visible()
    address = await row.locator("a").inner_text()
    assert await page.evaluate("navigator.clipboard.readText()") == address
    await expect(row.locator("button.copy")).to_have_accessible_description(address)
    assert address.startswith(f"{stubbed.stack.url}/s/")


async def test_without_scripts_there_is_no_button_that_does_nothing(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack, java_script_enabled=False)
    await visitor.sign_up()
    await visitor.ask("How do plums grow?")
    await expect(visitor.page.get_by_role("button", name="Try again")).to_be_visible()
    await visitor.page.goto(f"{visitor.page.url.partition('live/')[0].partition('?')[0]}share/")
    await visitor.page.get_by_role("button", name="Make a link").click()
    await expect(visitor.page.get_by_role("button", name="Revoke")).to_be_visible()
    await expect(visitor.page.get_by_role("button", name="Copy")).to_have_count(0)
