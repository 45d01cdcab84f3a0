"""The main job in a real browser, with the real model: ask, watch the answer come, find it again."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.visitor import LONG, SHORT
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Notes how long the answer's text is after each event of its stream.
_NOTE_LENGTHS = """() => {
  window.lengths = [];
  document.addEventListener("htmx:sseMessage", () => {
    const running = document.querySelector(".answer.running:not(:has(.waiting)) .answer-body");
    if (running) lengths.push(running.textContent.trim().length);
  });
}"""


async def test_an_answer_streams_in_and_is_saved(stack: Stack, visit: Visit):
    visitor = await visit(stack)
    await visitor.sign_up()
    await visitor.page.evaluate(_NOTE_LENGTHS)
    await visitor.ask(SHORT)
    shown = await visitor.until_finished()
    assert shown
    lengths = await visitor.page.evaluate("lengths")
    assert len(set(lengths)) >= 3, "the answer came at once, not as it was made"
    assert max(lengths) > 2 * min(lengths)

    assert await visitor.open_streams() == 0
    assert await visitor.page.evaluate("sources.length") == 1
    await expect(visitor.answer).to_contain_text("tokens/s")
    await expect(visitor.page.locator("#announcement")).to_have_text("The answer is finished.")

    await visitor.page.reload()
    assert await visitor.answer_text() == shown
    await expect(visitor.page.get_by_role("link", name=SHORT)).to_have_attribute("aria-current", "page")


async def test_a_second_tab_and_a_reload_follow_the_same_answer(stack: Stack, visit: Visit):
    visitor = await visit(stack)
    await visitor.sign_up()
    await visitor.ask(LONG)
    await visitor.until_writing()

    second = await visitor.context.new_page()
    await second.goto(visitor.page.url)
    await expect(second.locator(".answer.running")).to_be_visible()
    await visitor.page.reload()
    await expect(visitor.page.locator(".answer.running")).to_be_visible()

    await second.get_by_role("button", name="Stop").click()
    shown = await visitor.until_finished("stopped")
    await expect(second.locator(".answer:not(.running)")).to_be_visible()
    assert (await second.locator(".blocks").inner_text()).strip() == shown
    await visitor.page.reload()
    assert await visitor.answer_text() == shown


async def test_stop_keeps_the_text_and_gives_the_focus_to_what_comes_next(stack: Stack, visit: Visit):
    visitor = await visit(stack)
    await visitor.sign_up()
    await visitor.ask(LONG)
    await visitor.until_writing()
    await visitor.page.get_by_role("button", name="Stop").press("Enter")

    shown = await visitor.until_finished("stopped")
    assert shown
    await expect(visitor.answer.locator(".answer-actions button").first).to_be_focused()
    await visitor.page.reload()
    assert await visitor.answer_text() == shown
    await expect(visitor.answer.locator(".answer-note")).to_have_text("Stopped.")


async def test_try_again_replaces_the_answer(stack: Stack, visit: Visit):
    visitor = await visit(stack)
    await visitor.sign_up()
    await visitor.ask(LONG)
    await visitor.until_writing()
    await visitor.page.get_by_role("button", name="Stop").click()
    await visitor.until_finished("stopped")
    first = await visitor.answer.get_attribute("id")

    await visitor.page.get_by_role("button", name="Try again").click()
    await expect(visitor.page.locator(f"#{first}")).to_have_count(0)
    await visitor.until_writing()
    await expect(visitor.page.locator(".turn")).to_have_count(1)
    await visitor.page.get_by_role("button", name="Stop").click()
    await visitor.until_finished("stopped")
