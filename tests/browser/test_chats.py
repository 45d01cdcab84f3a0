"""Finding, renaming and deleting chats, and coming back to them."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import PASSWORD, Visitor, wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION = "What is the capital of France?"


async def test_rename_in_place_and_delete(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await visitor.ask(QUESTION)
    await visitor.until_finished()
    page, item = visitor.page, visitor.page.locator(".session-item")

    await item.locator("summary").press("Enter")
    await item.get_by_role("link", name="Rename").press("Enter")
    await expect(item.get_by_label("New name")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(item.get_by_role("link", name=QUESTION)).to_be_visible()
    await expect(item.locator("summary")).to_be_focused()

    await item.get_by_role("link", name="Rename").click()
    await item.get_by_label("New name").fill("Geography")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Geography")).to_be_visible()
    await expect(page).to_have_title("Geography · Parley")
    await expect(item.get_by_role("link", name="Geography")).to_be_focused()

    await item.locator("summary").click()
    await item.get_by_role("button", name="Delete").click()
    await expect(page).to_have_url(f"{visitor.url}/chat/")
    await expect(page.locator(".session-item")).to_have_count(0)


async def test_a_question_puts_its_chat_on_top_of_the_list(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    page, listed = visitor.page, visitor.page.locator(".session-item")
    empty = page.get_by_text("Your chats will be listed here.")
    await expect(empty).to_be_visible()
    await ask_in_new_chat(visitor, QUESTION)
    await expect(empty).to_be_hidden()
    await ask_in_new_chat(visitor, "And of Italy?")
    await is_listed(page, ["And of Italy?", QUESTION])

    tab = await visitor.context.new_page()
    await tab.goto(page.url)
    await listed.get_by_role("link", name=QUESTION).click()
    await expect(page.locator(".question-text")).to_have_text(QUESTION)
    await visitor.ask("How many live there?")
    await is_listed(page, [QUESTION, "And of Italy?"])

    await listed.first.locator("summary").click()
    await listed.first.get_by_role("link", name="Rename").click()
    await listed.first.get_by_label("New name").fill("Geography")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Geography")).to_be_visible()
    await visitor.until_finished()
    await visitor.ask("How old is it?")
    await is_listed(page, ["Geography", "And of Italy?"])

    await tab.get_by_label("Message").fill("And its oldest one?")
    await tab.get_by_role("button", name="Send").click()
    await expect(tab.locator(".turn")).to_have_count(2)
    await is_listed(tab, ["And of Italy?", QUESTION])
    await tab.reload()
    await is_listed(tab, ["And of Italy?", "Geography"])


async def test_a_question_in_a_chat_that_is_not_listed_lists_it(stubbed: Stubbed, visit: Visit):
    """One older than those that a page lists."""
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    for question in (QUESTION, "And of Italy?"):
        await ask_in_new_chat(visitor, question)
    await visitor.page.locator(".session-item").first.evaluate("(item) => item.remove()")
    await visitor.until_finished()
    await visitor.ask("How many live there?")
    await is_listed(visitor.page, ["And of Italy?", QUESTION])


async def ask_in_new_chat(visitor: Visitor, question: str) -> None:
    await visitor.page.get_by_role("link", name="New chat").first.click()
    await expect(visitor.page.get_by_text("What would you like to know?")).to_be_visible()
    await visitor.ask(question)


async def is_listed(page: Page, titles: list[str]) -> None:
    """The chats, each once, the first of them the open one."""
    links = page.locator(".session-link")
    await expect(links).to_have_text(titles)
    await expect(page.locator("#session-list > li")).to_have_count(len(titles))
    await expect(page.locator(".session-link[aria-current]")).to_have_count(1)
    await expect(links.first).to_have_attribute("aria-current", "page")


async def test_logging_out_and_in_finds_the_chat_again(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    name = await visitor.sign_up()
    await visitor.ask(QUESTION)
    shown = await visitor.until_finished()
    chat = visitor.page.url

    await visitor.page.get_by_role("button", name="Log out").click()
    await visitor.page.goto(chat)
    await visitor.page.get_by_label("Username").fill(name)
    await visitor.page.get_by_label("Password").fill(PASSWORD)
    await visitor.page.get_by_role("button", name="Log in").click()
    await expect(visitor.page).to_have_url(chat)
    assert await visitor.answer_text() == shown


async def test_back_from_a_new_chat_shows_the_empty_page_again(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await visitor.ask(QUESTION)
    await visitor.until_finished()
    await visitor.page.go_back()
    await expect(visitor.page.get_by_text("What would you like to know?")).to_be_visible()
    await visitor.page.go_forward()
    await wait_until(visitor.answer_text, 10, "the chat after going forward")


async def test_code_and_answers_can_be_copied(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("Look:\n\n```python\nprint(1)\n```\n")
    visitor = await visit(stubbed.stack, permissions=["clipboard-read", "clipboard-write"])
    await visitor.sign_up()
    await visitor.ask(QUESTION)
    await visitor.until_finished()
    for place, copied in ((".code-head", "print(1)"), (".answer-actions", "Look:\n")):
        await visitor.page.locator(place).get_by_role("button", name="Copy").click()
        await expect(visitor.page.locator(place).get_by_role("button", name="Copied")).to_be_visible()
        clipboard = await visitor.page.evaluate("navigator.clipboard.readText()")
        assert clipboard.startswith(copied)
