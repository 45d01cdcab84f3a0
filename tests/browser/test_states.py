"""Every state that a page can be in says what to do next, and has a way out. Each is reached for real."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

scripts = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


@scripts
async def test_a_first_visit_offers_examples_that_are_asked_with_one_press(
    stubbed: Stubbed, visit: Visit, scripts: bool
):
    visitor = await visit(stubbed.stack, java_script_enabled=scripts)
    await visitor.sign_up()
    page = visitor.page
    await expect(page.get_by_text("What would you like to know?")).to_be_visible()
    await expect(page.get_by_text("Your chats will be listed here.")).to_be_visible()
    example = page.locator(".example").last
    text = await example.inner_text()
    await example.click()
    await expect(page.locator(".question-text")).to_have_text(text)
    await expect(page.locator(".welcome")).to_be_hidden()
    await expect(visitor.answer).to_contain_text("Hello, world.")
    await expect(visitor.answer.get_by_role("button", name="Try again")).to_be_visible()


async def test_an_empty_list_of_chats_leads_to_the_first(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await visitor.page.goto(f"{visitor.url}/chat/all/")
    await visitor.page.get_by_role("main").get_by_role("link", name="Start").click()
    await expect(visitor.page.get_by_label("Message")).to_be_focused()


async def test_a_model_that_is_busy_says_so_and_the_answer_can_be_asked_for_again(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    stubbed.engine.behaviour.refuse_with = 429
    await visitor.ask("Are you free?")
    await expect(visitor.page.locator(".waiting")).to_contain_text("The model is busy.")
    await visitor.until_finished("failed")
    await expect(visitor.page.locator(".answer-note.failed")).to_contain_text("Try again in a moment")
    stubbed.engine.behave()
    await visitor.page.get_by_role("button", name="Try again").click()
    assert await visitor.until_finished() == "Hello, world."


async def test_a_model_that_is_loading_is_waited_for(stubbed: Stubbed, visit: Visit):
    """Its server answers, and refuses until it is ready."""
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    stubbed.engine.behaviour.refuse_with = 503
    await visitor.ask("Are you there?")
    await expect(visitor.page.locator(".waiting")).to_contain_text("The model is starting.")
    stubbed.engine.behave()
    assert await visitor.until_finished() == "Hello, world."


async def test_a_question_during_an_answer_waits_its_turn_and_says_so(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    stubbed.engine.behave("Once upon a time. " * 50, delay_s=0.05)
    await visitor.ask("A story, please.")
    await visitor.until_writing()
    await visitor.ask("And then?")
    await expect(visitor.page.locator(".waiting")).to_contain_text("Waiting for the answer before this one")
    await expect(visitor.page.get_by_label("Message")).to_be_focused()
    await visitor.page.get_by_role("button", name="Stop").first.click()
    stubbed.engine.behave()
    assert await visitor.until_finished() == "Hello, world."


async def test_being_offline_is_said_at_once_and_its_end_too(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    notice = visitor.page.locator("#notice")
    await visitor.context.set_offline(offline=True)
    await expect(notice).to_contain_text("Parley cannot be reached")
    await visitor.context.set_offline(offline=False)
    await expect(notice).to_be_empty()


async def test_whoever_was_logged_out_meanwhile_logs_in_beside_and_sends_what_was_written(
    stubbed: Stubbed, visit: Visit
):
    visitor = await visit(stubbed.stack)
    visitor.expect_complaint("401")
    name = await visitor.sign_up()
    page, field = visitor.page, visitor.page.get_by_label("Message")
    await visitor.context.clear_cookies(name="sessionid")
    await field.fill("Still here?")
    await field.press("Enter")
    await expect(page.locator("#notice")).to_contain_text("You are logged out")
    async with visitor.context.expect_page() as opened:
        await page.locator("#notice").get_by_role("link", name="Log in").click()
    beside = await opened.value
    await log_in(beside, name)
    await expect(field).to_have_value("Still here?")


async def log_in(page: Page, name: str) -> None:
    await page.get_by_label("Username").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_label("Message")).to_be_visible()


@scripts
async def test_an_address_that_is_none_and_a_chat_of_somebody_else_lead_back(
    stubbed: Stubbed, visit: Visit, scripts: bool
):
    other = await visit(stubbed.stack)
    await other.sign_up()
    await other.ask("Mine alone.")
    visitor = await visit(stubbed.stack, java_script_enabled=scripts)
    visitor.expect_complaint("404")
    await visitor.sign_up()
    for address in (f"{visitor.url}/nothing/", other.page.url):
        await visitor.page.goto(address)
        await expect(visitor.page.get_by_role("heading", name="There is nothing here")).to_be_visible()
        await leads_back(visitor)


async def test_a_form_that_has_expired_leads_back(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    visitor.expect_complaint("403")
    await visitor.sign_up()
    await visitor.context.clear_cookies(name="csrftoken")
    await visitor.page.get_by_role("button", name="Log out").click()
    await expect(visitor.page.get_by_role("heading", name="This form has expired")).to_be_visible()
    await leads_back(visitor)


async def leads_back(visitor: Visitor) -> None:
    await visitor.page.get_by_role("link", name="To your chats").click()
    await expect(visitor.page.get_by_label("Message")).to_be_visible()
