"""The answer's actions and a chat's branches, with scripts and without: asked again, edited, rated, found again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import ANSWER_MS, PASSWORD, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

both_ways = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


async def arrive(visit: Visit, stubbed: Stubbed, scripts: bool, **options: Any) -> Visitor:
    visitor = await visit(stubbed.stack, java_script_enabled=scripts, **options)
    await visitor.sign_up()
    return visitor


async def ask_and_wait(visitor: Visitor, stubbed: Stubbed, question: str, answer: str) -> None:
    stubbed.engine.behave(answer)
    await visitor.page.get_by_label("Message").fill(question)
    await visitor.page.get_by_role("button", name="Send").click()
    await expect(questions(visitor.page).last).to_have_text(question)
    await answered_with(visitor, answer)


async def answered_with(visitor: Visitor, answer: str) -> None:
    """Wait for the last answer's end."""
    await expect(visitor.page.locator(".turn").last.locator(".regenerate")).to_be_visible(timeout=ANSWER_MS)
    if "/live/" in visitor.page.url:  # where the answer was streamed into the page; the chat's own is the same again
        await visitor.page.reload()
    await expect(visitor.answer.locator(".blocks")).to_have_text(answer)
    await expect(visitor.answer).to_have_attribute("data-status", "complete")


def questions(page: Page) -> Locator:
    return page.locator(".question-text")


def place(page: Page) -> Locator:
    return page.locator(".variants .place")


@both_ways
async def test_an_answer_is_asked_again_and_all_its_versions_can_be_walked(
    stubbed: Stubbed, visit: Visit, scripts: bool
):
    visitor = await arrive(visit, stubbed, scripts)
    page = visitor.page
    await ask_and_wait(visitor, stubbed, "First?", "One.")
    for answer in ("Two.", "Three."):
        stubbed.engine.behave(answer)
        await page.get_by_role("button", name="Try again").click()
        await answered_with(visitor, answer)
    await expect(page.locator(".turn")).to_have_count(1)
    await expect(place(page)).to_have_text("3/3")

    await page.get_by_role("link", name="Previous version").click()
    await answered_with(visitor, "Two.")
    await expect(place(page)).to_have_text("2/3")
    await expect(page).to_have_url(re.compile(r"\?at="))
    await page.get_by_role("link", name="Previous version").click()
    await answered_with(visitor, "One.")
    await expect(page.get_by_role("link", name="Previous version: there is none")).to_be_disabled()
    await page.reload()
    await answered_with(visitor, "One.")
    await page.get_by_role("link", name="Next version").click()
    await answered_with(visitor, "Two.")

    await ask_and_wait(visitor, stubbed, "And then?", "Then four.")
    await expect(page.locator(".answer .blocks")).to_have_text(["Two.", "Then four."])
    await page.reload()
    await expect(page.locator(".answer .blocks")).to_have_text(["Two.", "Then four."])


async def test_the_focus_stays_on_the_way_through_the_versions(stubbed: Stubbed, visit: Visit):
    visitor = await arrive(visit, stubbed, scripts=True)
    page = visitor.page
    await ask_and_wait(visitor, stubbed, "First?", "One.")
    await page.get_by_role("button", name="Try again").click()
    await answered_with(visitor, "One.")
    await expect(place(page)).to_have_text("2/2")
    await page.get_by_role("link", name="Previous version").press("Enter")
    await expect(place(page)).to_have_text("1/2")
    await expect(page.locator("[id^=previous-]")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Next version")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(place(page)).to_have_text("2/2")
    await page.go_back()
    await expect(place(page)).to_have_text("1/2")


@both_ways
async def test_an_earlier_answer_is_asked_again_and_what_followed_the_old_one_stays_reachable(
    stubbed: Stubbed, visit: Visit, scripts: bool
):
    visitor = await arrive(visit, stubbed, scripts)
    page = visitor.page
    for number in ("One", "Two", "Three"):
        await ask_and_wait(visitor, stubbed, f"{number}?", f"{number}.")
    stubbed.engine.behave("Another two.")
    await page.locator(".turn").nth(1).get_by_role("button", name="Try again").click()
    await answered_with(visitor, "Another two.")
    await expect(questions(page)).to_have_text(["One?", "Two?"])
    await ask_and_wait(visitor, stubbed, "Four?", "Four.")
    await page.reload()
    await expect(page.locator(".answer .blocks")).to_have_text(["One.", "Another two.", "Four."])

    await page.get_by_role("link", name="Previous version").click()
    await expect(page.locator(".answer .blocks")).to_have_text(["One.", "Two.", "Three."])
    await ask_and_wait(visitor, stubbed, "Five?", "Five.")
    await page.reload()
    await expect(questions(page)).to_have_text(["One?", "Two?", "Three?", "Five?"])


@both_ways
async def test_a_question_is_edited_and_both_are_kept(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts)
    page = visitor.page
    for number in ("One", "Two"):
        await ask_and_wait(visitor, stubbed, f"{number}?", f"{number}.")
    await page.get_by_role("link", name="Edit").first.click()
    field = page.get_by_label("Your question")
    await expect(field).to_be_focused()
    await expect(field).to_have_value("One?")
    await field.fill("Something else?")
    stubbed.engine.behave("Something else.")
    await page.get_by_role("button", name="Ask", exact=True).click()
    await answered_with(visitor, "Something else.")
    await expect(questions(page)).to_have_text(["Something else?"])
    await expect(place(page)).to_have_text("2/2")
    await page.get_by_role("link", name="Previous version").click()
    await expect(questions(page)).to_have_text(["One?", "Two?"])


@both_ways
async def test_editing_can_be_given_up_and_an_empty_question_is_refused_in_words(
    stubbed: Stubbed, visit: Visit, scripts: bool
):
    visitor = await arrive(visit, stubbed, scripts)
    visitor.expect_complaint("422")
    page = visitor.page
    await ask_and_wait(visitor, stubbed, "One?", "One.")
    await page.get_by_role("link", name="Edit").click()
    field = page.get_by_label("Your question")
    await field.fill("   ")
    await page.get_by_role("button", name="Ask", exact=True).click()
    await expect(page.locator(".edit-question .field-error")).to_have_text("Write a message first.")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await page.locator(".edit-question").get_by_text("Cancel").click()
    await expect(field).to_have_count(0)
    await expect(questions(page)).to_have_text(["One?"])
    await expect(questions(page)).to_be_visible()


async def test_escape_gives_up_editing_and_the_focus_goes_back(stubbed: Stubbed, visit: Visit):
    visitor = await arrive(visit, stubbed, scripts=True)
    page = visitor.page
    await ask_and_wait(visitor, stubbed, "One?", "One.")
    edit = page.get_by_role("link", name="Edit")
    await edit.press("Enter")
    await expect(page.get_by_label("Your question")).to_be_focused()
    await expect(questions(page)).to_be_hidden()
    await page.keyboard.press("Escape")
    await expect(edit).to_be_focused()
    await expect(questions(page)).to_be_visible()


@both_ways
async def test_an_answer_is_rated_with_a_comment_and_the_rating_taken_back(
    stubbed: Stubbed, visit: Visit, scripts: bool
):
    visitor = await arrive(visit, stubbed, scripts)
    page = visitor.page
    await ask_and_wait(visitor, stubbed, "One?", "One.")
    good, bad = (page.get_by_role("button", name=f"{name} answer") for name in ("Good", "Bad"))
    await expect(good).to_have_attribute("aria-pressed", "false")
    await bad.click()
    await expect(bad).to_have_attribute("aria-pressed", "true")
    if scripts:
        await expect(bad).to_be_focused()
        await expect(page.locator("#announcement")).to_have_text("Your rating is saved.")
    await page.get_by_text("Add a comment").click()
    await page.get_by_label("What was good, what was not?").fill("Too short.")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Your comment", exact=True).click()
    await expect(page.get_by_label("What was good, what was not?")).to_have_value("Too short.")
    await good.click()
    await expect(good).to_have_attribute("aria-pressed", "true")
    await expect(bad).to_have_attribute("aria-pressed", "false")
    await good.click()
    await expect(good).to_have_attribute("aria-pressed", "false")
    await page.reload()
    await expect(good).to_have_attribute("aria-pressed", "false")


@both_ways
async def test_the_details_and_the_markdown_are_behind_the_figures(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts)
    page = visitor.page
    await ask_and_wait(visitor, stubbed, "One?", "One.")
    visitor.expect_complaint("favicon.ico")  # which a browser wants beside a plain text
    await expect(page.locator(".facts")).to_be_hidden()
    await page.locator(".about > summary").click()
    await expect(page.locator(".facts")).to_contain_text("The model had finished.")
    await expect(page.get_by_role("button", name="Copy")).to_have_count(1 if scripts else 0)
    await page.get_by_role("link", name="The answer’s Markdown").click()
    await expect(page.locator("body")).to_contain_text("One.")


async def test_copying_an_answer_copies_its_markdown(stubbed: Stubbed, visit: Visit):
    visitor = await arrive(visit, stubbed, scripts=True, permissions=["clipboard-read", "clipboard-write"])
    page = visitor.page
    stubbed.engine.behave("# Title\n\nSome **bold** text.")
    await visitor.ask("One?")
    await visitor.until_finished()
    await page.locator(".answer-actions .copy").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == "# Title\n\nSome **bold** text."


# Long conversations

TURNS = 45


async def long_chat(visitor: Visitor, name: str) -> str:
    """A chat of many turns, asked for by a program of the visitor's; its page's address."""
    site, api = visitor.url, visitor.context.request
    token = (await (await api.post(f"{site}/api/token/", data={"username": name, "password": PASSWORD})).json())[
        "access"
    ]
    session_id = None
    for number in range(TURNS):
        answer = await api.post(
            f"{site}/api/chat/",
            headers={"Authorization": f"Bearer {token}"},
            data={"message": f"question {number}.", "session_id": session_id},
        )
        session_id = (await answer.json())["session_id"]
    return f"{site}/chat/{session_id}/"


async def test_earlier_turns_come_above_and_what_is_read_does_not_move(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("An answer.")
    visitor = await visit(stubbed.stack)
    address = await long_chat(visitor, await visitor.sign_up())
    page = visitor.page
    await page.goto(address)
    await expect(page.locator(".turn")).to_have_count(20)
    first = page.locator(".turn").first
    await first.scroll_into_view_if_needed()
    before = await first.bounding_box()
    mark = await first.get_attribute("id")
    await page.get_by_role("link", name="Show earlier").click()
    await expect(page.locator(".turn")).to_have_count(40)
    after = await page.locator(f"#{mark}").bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 40, "all that may go is the link itself"
    await page.get_by_role("link", name="Show earlier").click()
    await expect(page.locator(".turn")).to_have_count(TURNS)
    await expect(page.get_by_role("link", name="Show earlier")).to_have_count(0)
    assert await questions(page).all_inner_texts() == [f"question {number}." for number in range(TURNS)]


async def test_what_is_asked_beside_earlier_turns_leads_to_the_end(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("An answer.")
    visitor = await visit(stubbed.stack)
    address = await long_chat(visitor, await visitor.sign_up())
    page = visitor.page
    await page.goto(address)
    earlier = await page.get_by_role("link", name="Show earlier").get_attribute("href")
    await page.goto(f"{visitor.url}{earlier}")
    await page.get_by_role("link", name="Show later").click()
    await expect(page.get_by_role("link", name="Show later")).to_have_count(0)
    await page.reload()
    await expect(questions(page).last).to_have_text("question 24.")
    await ask_and_wait(visitor, stubbed, "One more?", "More.")
    await expect(questions(page).nth(-2)).to_have_text(f"question {TURNS - 1}.")


async def test_a_long_chat_is_paged_without_scripts(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("An answer.")
    visitor = await visit(stubbed.stack, java_script_enabled=False)
    address = await long_chat(visitor, await visitor.sign_up())
    page = visitor.page
    await page.goto(address)
    seen = await questions(page).all_inner_texts()
    for _ in range(2):
        await page.get_by_role("link", name="Show earlier").click()
        seen = await questions(page).all_inner_texts() + seen
    assert seen == [f"question {number}." for number in range(TURNS)]
    await page.get_by_role("link", name="Show later").click()
    await expect(questions(page).first).to_have_text("question 5.")
    await ask_and_wait(visitor, stubbed, "One more?", "More.")
    await expect(questions(page)).to_have_count(20)
    await expect(questions(page).last).to_have_text("One more?")
    await expect(questions(page).nth(-2)).to_have_text(f"question {TURNS - 1}.")
