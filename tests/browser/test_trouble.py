"""When something is away: the model, the network, a proxy, the stream. Each says so, and loses nothing."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Stubbed, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_answer_fails_clearly_while_the_model_is_away_and_works_when_it_is_back(
    stubbed: Stubbed, visit: Visit
):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    page = visitor.page
    await stubbed.engine.go_away()
    try:
        await visitor.ask("Are you there?")
        await expect(page.locator(".waiting")).to_contain_text("The model cannot be reached")
        begun = time.monotonic()
        second = await visitor.context.new_page()
        for path in ("/chat/", "/chat/all/", "/accounts/login/"):
            await second.goto(visitor.url + path)
        assert time.monotonic() - begun < 5, "pages wait for the model"
        await visitor.until_finished("failed")
        await expect(page.locator(".answer-note.failed")).to_contain_text("model")
        await expect(page.locator("#announcement")).to_have_text("The answer failed.")
    finally:
        await stubbed.engine.come_back()
    await page.get_by_role("button", name="Try again").click()
    assert await visitor.until_finished() == "Hello, world."
    await expect(page.locator(".turn")).to_have_count(1)


async def test_offline_is_said_and_the_draft_stays(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    visitor.expect_complaint("ERR_INTERNET_DISCONNECTED", "htmx:sendError", "htmx:afterRequest")
    await visitor.sign_up()
    await visitor.context.set_offline(offline=True)
    field = visitor.page.get_by_label("Message")
    await field.fill("Written on a train")
    await field.press("Enter")
    await expect(visitor.page.locator("#notice")).to_contain_text("Parley cannot be reached")
    await expect(field).to_have_value("Written on a train")

    await visitor.context.set_offline(offline=False)
    await field.press("Enter")
    await expect(visitor.page.locator("#notice")).to_be_empty()
    assert await visitor.until_finished() == "Hello, world."


async def test_the_page_of_a_failing_proxy_is_not_put_into_the_thread(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    visitor.expect_complaint("502")
    await visitor.sign_up()

    async def fail(route: Route) -> None:
        await route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")

    await visitor.page.route("**/chat/", fail)
    field = visitor.page.get_by_label("Message")
    await field.fill("Through a proxy")
    await field.press("Enter")
    await expect(visitor.page.locator("#notice")).to_contain_text("Something between you and Parley failed")
    await expect(visitor.page.get_by_text("Bad gateway")).to_have_count(0)
    await expect(field).to_have_value("Through a proxy")


async def test_blocks_that_were_seen_before_a_broken_connection_are_not_repeated(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave(first_delay_s=30)
    visitor = await visit(stubbed.stack)
    visitor.expect_complaint("503", "[object Event]")
    await visitor.sign_up()
    calls = 0

    async def break_off(route: Route) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:  # the browser gives up for good, and HTMX starts from the beginning
            await route.fulfill(status=503)
            return
        events = "retry: 10\n\n" + "".join(block(end) for end in ((5, 10) if calls == 1 else (5, 10, 15)))
        await route.fulfill(content_type="text/event-stream", body=events)

    await visitor.page.route("**/stream/**", break_off)
    await visitor.ask("Once, please.")
    blocks = visitor.page.locator(".blocks > p")
    await expect(blocks.filter(has_text="ends at 15")).to_have_count(1)
    assert await blocks.all_inner_texts() == ["ends at 5", "ends at 10", "ends at 15"]


def block(end: int) -> str:
    return f"event: block\nid: {end}\ndata: <p>ends at {end}</p>\n\n"
