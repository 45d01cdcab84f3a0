"""Writing and sending: keys, drafts, the focus."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What an input method sends when its user takes a word with Enter; true if the page leaves it alone.
_ENTER_WHILE_COMPOSING = """(field) => field.dispatchEvent(
  new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true, cancelable: true }))"""


async def test_enter_sends_and_shift_enter_breaks_the_line(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    field = visitor.page.get_by_label("Message")
    await expect(field).to_be_focused()
    one_line = await height(field)

    await visitor.page.keyboard.type("one")
    await visitor.page.keyboard.press("Shift+Enter")
    await visitor.page.keyboard.type("two")
    await expect(field).to_have_value("one\ntwo")
    two_lines = await height(field)
    assert two_lines > one_line
    assert await field.evaluate(_ENTER_WHILE_COMPOSING)

    await visitor.page.keyboard.press("Enter")
    await expect(visitor.page.locator(".question-text")).to_have_text("one\ntwo")
    await expect(field).to_have_value("")
    await expect(field).to_be_focused()
    await expect(visitor.page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))


async def height(element: Locator) -> float:
    return float(await element.evaluate("(one) => one.offsetHeight"))


async def test_enter_on_an_empty_message_sends_nothing(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    posted = len(visitor.addresses)
    await visitor.page.get_by_label("Message").fill("  ")
    await visitor.page.keyboard.press("Enter")
    await visitor.ask("Hello?")
    sent = [address for address in visitor.addresses[posted:] if address.endswith("/chat/")]
    assert len(sent) == 1


async def test_what_is_typed_while_a_message_is_on_its_way_stays(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    field = visitor.page.get_by_label("Message")

    async def type_on_the_way(route: Route) -> None:
        await field.fill("the next thought")
        await route.continue_()

    await visitor.page.route("**/chat/", type_on_the_way)
    await field.fill("first")
    await field.press("Enter")
    await expect(visitor.page.locator(".question-text")).to_have_text("first")
    await expect(visitor.page.locator("[aria-current=page]")).to_be_visible()
    await expect(field).to_have_value("the next thought")


async def test_a_message_refused_by_the_server_stays_in_the_composer(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    visitor.expect_complaint("422")
    await visitor.sign_up()
    await visitor.page.get_by_label("Message").fill("   ")
    await visitor.page.get_by_role("button", name="Send").click()
    await expect(visitor.page.locator("#query-error")).to_have_text("Write a message first.")
    await expect(visitor.page.get_by_label("Message")).to_be_focused()


async def test_reader_keeps_the_place_while_the_answer_grows(stubbed: Stubbed, visit: Visit):
    paragraphs = "\n\n".join(f"Paragraph {number} of many, to fill the page." for number in range(40))
    stubbed.engine.behave(paragraphs, delay_s=0.01)
    visitor = await visit(stubbed.stack, viewport={"width": 800, "height": 600})
    await visitor.sign_up()
    await visitor.ask("Go on.")
    thread = visitor.page.locator("#thread")
    stood_at = await top(visitor.page.get_by_role("button", name="Stop"))

    await visitor.page.get_by_text("Paragraph 20 ").first.wait_for()
    assert await thread.evaluate("(thread) => thread.scrollTop") == 0
    stop = visitor.page.get_by_role("button", name="Stop")
    await expect(stop).to_be_in_viewport()
    await visitor.page.get_by_text("Paragraph 25 ").first.wait_for()
    assert await top(stop) == stood_at, "the button moves away from the pointer"

    read = visitor.answer.get_by_text("Paragraph 5 ")
    await read.scroll_into_view_if_needed()
    before = await top(read)
    await visitor.until_finished()
    assert abs(await top(read) - before) <= 1


# Text that has just grown is put right before the frame is painted, but after a script may look: so the place counts
# that is the same in two frames.
TOP = """async (one) => {
  const top = () => one.getBoundingClientRect().top;
  let last;
  do {
    last = top();
    await new Promise(requestAnimationFrame);
  } while (Math.abs(top() - last) > 1);
  return last;
}"""


async def top(element: Locator) -> float:
    """How far down the window it is painted, in pixels."""
    return float(await element.evaluate(TOP))


async def test_where_enter_does_not_send_it_breaks_the_line_and_control_enter_sends(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await enter_breaks(visitor)
    field = visitor.page.get_by_label("Message")
    await field.fill("one")
    await visitor.page.keyboard.press("Enter")
    await visitor.page.keyboard.type("two")
    await expect(field).to_have_value("one\ntwo")
    await visitor.page.keyboard.press("Control+Enter")
    await expect(visitor.page.locator(".question-text")).to_have_text("one\ntwo")


async def enter_breaks(visitor: Visitor) -> None:
    """The setting that the composer comes with."""
    await visitor.page.locator("#composer").evaluate("(form) => (form.dataset.enterSends = 'false')")


async def test_a_draft_survives_a_reload_and_belongs_to_its_chat(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    page, field = visitor.page, visitor.page.get_by_label("Message")
    await visitor.ask("Hello?")
    await visitor.until_finished()
    await field.press_sequentially("half a thought")
    await page.reload()
    await expect(field).to_have_value("half a thought")

    chat = page.url
    await page.goto(f"{visitor.url}/chat/")
    await expect(field).to_have_value("")
    await page.goto(chat)
    await field.press("Enter")
    await expect(page.locator(".turn")).to_have_count(2)
    await page.reload()
    await expect(field).to_have_value("")


async def test_a_message_that_was_sent_into_nowhere_is_sent_again_after_a_reload_and_asked_once(
    stubbed: Stubbed, visit: Visit
):
    visitor = await visit(stubbed.stack)
    visitor.expect_complaint("ERR_FAILED", "htmx:sendError", "htmx:afterRequest")
    await visitor.sign_up()
    page, field = visitor.page, visitor.page.get_by_label("Message")

    async def lose_the_answer(route: Route) -> None:
        await route.fetch(max_redirects=0)
        await route.abort()

    await page.route("**/chat/", lose_the_answer)
    await field.fill("Did you get this?")
    await field.press("Enter")
    await expect(page.locator("#notice")).to_contain_text("Parley cannot be reached")
    await page.unroute("**/chat/")
    await page.reload()
    await expect(field).to_have_value("Did you get this?")
    await field.press("Enter")
    await expect(page.locator(".turn")).to_have_count(1)
    await expect(page.locator(".session-item")).to_have_count(1)


async def test_after_a_failure_another_text_is_another_message(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    visitor.expect_complaint("ERR_FAILED", "htmx:sendError", "htmx:afterRequest")
    await visitor.sign_up()
    await visitor.ask("Hello?")
    page, field = visitor.page, visitor.page.get_by_label("Message")

    async def lose_the_answer(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await page.route(page.url, lose_the_answer)
    await field.fill("One thing.")
    await field.press("Enter")
    await expect(page.locator("#notice")).to_contain_text("Parley cannot be reached")
    await page.unroute(page.url)
    await field.fill("Another thing.")
    await field.press("Enter")
    await expect(page.locator(".question-text").last).to_have_text("Another thing.")
    await page.reload()
    await expect(page.locator(".question-text")).to_have_text(["Hello?", "Another thing."])
    # The first did arrive: it is the other branch.
    await page.get_by_role("link", name="Previous version").click()
    await expect(page.locator(".question-text")).to_have_text(["Hello?", "One thing."])


async def test_nobody_else_sees_a_draft(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    page, field = visitor.page, visitor.page.get_by_label("Message")
    await field.fill("a secret")
    await page.reload()
    await expect(field).to_have_value("a secret")
    assert await drafts(page) == 1
    await page.get_by_role("button", name="Log out").click()
    await expect(page).to_have_url(re.compile("/login/"))
    assert await drafts(page) == 0

    await visitor.sign_up()
    await field.fill("another secret")
    await page.reload()
    await visitor.context.clear_cookies()
    await visitor.sign_up()
    await expect(field).to_have_value("")
    assert await drafts(page) == 0


async def drafts(page: Page) -> int:
    """How many the browser keeps."""
    return int(await page.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('draft ')).length"))


async def test_from_half_of_the_models_room_on_the_composer_counts(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    visitor.expect_complaint("422")
    await visitor.sign_up()
    await visitor.ask("Hello?")  # by now the model's limits are known
    page, field, shown = visitor.page, visitor.page.get_by_label("Message"), visitor.page.locator("#room")
    await field.fill("word " * 100)
    await expect(shown).to_be_hidden()
    await field.fill("word " * 1000)
    await expect(shown).to_have_text("About 1,667 of 3,072 tokens")

    too_long = "word " * 4000
    await field.fill(too_long)
    await expect(shown).to_have_class("room over")
    await field.press("Enter")
    await expect(page.locator("#query-error")).to_contain_text("it has 4,004 tokens, and 3,072 fit")
    await expect(field).to_have_value(too_long)
    await expect(field).to_be_focused()
    await expect(shown).to_be_visible()
    await expect(page.locator(".turn")).to_have_count(1)


async def test_an_example_is_asked_with_one_press_and_a_draft_stays(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    page, field = visitor.page, visitor.page.get_by_label("Message")
    await field.fill("my own")
    example = page.locator(".example").first
    text = await example.inner_text()
    await example.focus()
    await example.evaluate("(button) => { button.click(); button.click(); }")
    await expect(page.locator(".question-text")).to_have_text([text])
    await expect(page.locator(".welcome")).to_be_hidden()
    await expect(field).to_have_value("my own")
    await expect(field).to_be_focused()
    await visitor.until_finished()
    await page.reload()
    await expect(page.locator(".question-text")).to_have_text([text])
    await expect(field).to_have_value("my own")
