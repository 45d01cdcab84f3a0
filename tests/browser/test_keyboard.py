"""Complete by keyboard: shortcuts, their list, and a tour with Tab and Enter alone; and where the focus goes."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_STEPS = 60


async def tab_to(visitor: Visitor, wanted: Locator, *, backwards: bool = False) -> None:
    """Press Tab until the element has the focus."""
    key = "Shift+Tab" if backwards else "Tab"
    for _ in range(MOST_STEPS):
        if await wanted.evaluate("(one) => one === document.activeElement"):
            return
        await visitor.page.keyboard.press(key)
    raise AssertionError(f"not reached with {MOST_STEPS} times {key}: {wanted}")


async def test_a_tour_with_the_keyboard_alone(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    page, keyboard = visitor.page, visitor.page.keyboard
    name = await visitor.sign_up()
    await tab_to(visitor, page.get_by_role("button", name="Log out"), backwards=True)
    await keyboard.press("Enter")
    await expect(page.get_by_label("Username")).to_be_focused()
    await keyboard.type(name)
    await tab_to(visitor, page.get_by_label("Password"))
    await keyboard.type(PASSWORD)
    await keyboard.press("Enter")

    message = page.get_by_label("Message")
    await expect(message).to_be_focused()
    stubbed.engine.behave("Once upon a time. " * 50, delay_s=0.05)
    await keyboard.type("A story, please.")
    await keyboard.press("Enter")
    await visitor.until_writing()
    await expect(message).to_be_focused()
    await tab_to(visitor, page.get_by_role("button", name="Stop"), backwards=True)
    await keyboard.press("Enter")
    await visitor.until_finished("stopped")
    # The focus is on the first of what can be done with the answer now.
    actions = visitor.answer.locator(".answer-actions")
    await expect(actions.get_by_role("button").first).to_be_focused()
    stubbed.engine.behave()
    await tab_to(visitor, page.get_by_role("button", name="Try again"))
    await keyboard.press("Enter")
    assert await visitor.until_finished() == "Hello, world."

    await tab_to(visitor, page.locator(".session-item .item-menu > summary"), backwards=True)
    await keyboard.press("Enter")
    await keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Rename")).to_be_focused()
    await keyboard.press("Enter")
    await expect(page.get_by_label("New name")).to_be_focused()
    await keyboard.press("Control+A")
    await keyboard.type("A story")
    await keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="A story")).to_be_visible()
    await expect(page.locator(".session-link")).to_be_focused()


async def test_the_first_thing_on_a_page_skips_to_its_content(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    for path in ("/chat/all/", "/nothing/"):
        visitor.expect_complaint("404")
        await visitor.page.goto(visitor.url + path)
        await visitor.page.keyboard.press("Tab")
        skip = visitor.page.get_by_role("link", name="Skip to the content")
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport()
        await visitor.page.keyboard.press("Enter")
        await expect(visitor.page.locator("#main")).to_be_focused()


async def test_what_has_the_focus_is_outlined(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    for wanted in (visitor.page.locator(".example").first, visitor.page.locator(".new-chat")):
        await tab_to(visitor, wanted, backwards=True)
        width = await wanted.evaluate("(one) => getComputedStyle(one).outlineWidth")
        assert width == "2px"


async def test_shortcuts_do_what_their_list_says(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("Once upon a time. " * 50, delay_s=0.05)
    visitor = await visit(stubbed.stack, permissions=["clipboard-read", "clipboard-write"])
    await visitor.sign_up()
    page, keyboard, message = visitor.page, visitor.page.keyboard, visitor.page.get_by_label("Message")
    await visitor.ask("A story, please.")
    await visitor.until_writing()
    await keyboard.press("Control+.")
    text = await visitor.until_finished("stopped")

    await page.locator("#thread").focus()
    await keyboard.press("Shift+Escape")
    await expect(message).to_be_focused()
    await keyboard.type("w/o a modifier nothing happens: c k . / ?")
    await expect(message).to_have_value("w/o a modifier nothing happens: c k . / ?")
    await expect(page.get_by_role("dialog")).to_be_hidden()

    await keyboard.press("Control+Shift+C")
    await expect(visitor.answer.get_by_role("button", name="Copied")).to_be_visible()
    assert (await page.evaluate("navigator.clipboard.readText()")).strip() == text

    await keyboard.press("Control+K")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await keyboard.type("story")
    await expect(page.get_by_role("searchbox")).to_have_value("story")

    await keyboard.press("Control+Shift+O")
    await expect(page).to_have_url(re.compile("/chat/$"))
    await expect(message).to_be_focused()


async def test_the_list_of_shortcuts_opens_and_gives_the_focus_back(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    page, keyboard = visitor.page, visitor.page.keyboard
    dialog, button = page.get_by_role("dialog"), page.get_by_role("button", name="Keyboard shortcuts")
    await keyboard.press("Control+/")
    await expect(dialog).to_contain_text("Begin a new chat")
    await keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_label("Message")).to_be_focused()

    await tab_to(visitor, button)
    await keyboard.press("Enter")
    await expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    await keyboard.press("Control+Shift+O")  # nothing behind a dialog answers to a key
    await expect(dialog).to_be_visible()
    await keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    await expect(button).to_be_focused()


async def test_without_scripts_no_shortcuts_are_promised(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack, java_script_enabled=False)
    await visitor.sign_up()
    await expect(visitor.page.get_by_role("button", name="Keyboard shortcuts")).to_be_hidden()
