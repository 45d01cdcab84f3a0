"""Chats as files in a browser, with JavaScript and without: downloaded, and taken in."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Download, FilePayload, Locator, expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import Visitor
from tests.chat.transfer.samples import chatgpt, file_of, parley

pytestmark = pytest.mark.asyncio(loop_scope="session")

APPLES, PEARS = "How do apples grow?", "梅子: where from?"
both = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])


async def arrive(visit: Visit, stubbed: Stubbed, scripts: bool, *questions: str) -> Visitor:
    """Somebody with a chat for each of the questions, the last of them open."""
    visitor = await visit(stubbed.stack, java_script_enabled=scripts)
    await visitor.sign_up()
    for question in questions:
        await visitor.page.goto(f"{visitor.url}/chat/")
        await ask(visitor, question)
    return visitor


async def ask(visitor: Visitor, question: str) -> None:
    """Ask, and wait for the page that has the finished answer: what streams itself says so in another way."""
    await visitor.ask(question)
    await expect(visitor.page.get_by_role("button", name="Good answer").last).to_be_visible()
    await visitor.page.reload()
    await visitor.until_finished()


async def download(visitor: Visitor, link: Locator) -> tuple[str, str]:
    """The name and the text of the file that a link or button brings."""
    async with visitor.page.expect_download() as started:
        await link.click()
    file: Download = await started.value
    return file.suggested_filename, await asyncio.to_thread(Path(await file.path()).read_text)


async def upload(visitor: Visitor, content: bytes) -> None:
    file: FilePayload = {"name": "chats.json", "mimeType": "application/json", "buffer": content}
    await visitor.page.get_by_label("File").set_input_files(file)
    await visitor.page.get_by_role("button", name="Import", exact=True).click()


@both
async def test_the_open_chat_is_downloaded_under_its_name(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts, PEARS)
    menu = visitor.page.locator("#chat-menu")
    await menu.locator("summary").click()
    name, text = await download(visitor, menu.get_by_role("link", name="Export as Markdown"))
    assert name == "梅子 where from.md"
    assert PEARS in text
    assert await visitor.answer_text() in text
    name, text = await download(visitor, menu.get_by_role("link", name="Export as JSON"))
    [chat] = json.loads(text)["sessions"]
    assert (name, chat["interactions"][0]["query_text"]) == ("梅子 where from.json", PEARS)


@both
async def test_selected_chats_and_all_of_them_are_downloaded(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts, APPLES, PEARS)
    page, main = visitor.page, visitor.page.get_by_role("main")
    await page.goto(f"{visitor.url}/chat/all/")
    await page.get_by_label(f"Select {APPLES}").check()
    _, text = await download(visitor, main.get_by_role("button", name="Export as JSON"))
    assert [one["title"] for one in json.loads(text)["sessions"]] == [APPLES]
    await main.get_by_role("link", name="Import and export").click()
    _, text = await download(visitor, main.get_by_role("link", name="Export as Markdown"))
    assert text.index(f"# {APPLES}") < text.index(f"# {PEARS}")


@both
async def test_chats_of_another_program_are_taken_in_and_gone_on_with(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts)
    page = visitor.page
    await page.goto(f"{visitor.url}/settings/account/")
    await page.get_by_role("link", name="Import and export").click()
    broken: Any = {"mapping": 5}
    await upload(visitor, json.dumps([chatgpt(), broken]).encode())
    await expect(page.locator(".message").first).to_have_text("Imported: 1 chat with 3 questions.")
    await expect(page.locator(".message").last).to_contain_text("1 chat was left out: it is damaged")
    await page.get_by_role("link", name="Apples", exact=True).click()
    await expect(page.locator(".question-text")).to_have_text([APPLES, "[image]\n\nWhat is this?"])
    await expect(page.locator(".answer .blocks").first).to_have_text("On trees.")
    await ask(visitor, "Thank you.")
    await expect(page.locator(".turn")).to_have_count(3)


@both
async def test_what_was_downloaded_is_taken_in_by_somebody_else(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts, APPLES)
    page = visitor.page
    await page.goto(f"{visitor.url}/chat/import/")
    _, text = await download(visitor, page.get_by_role("main").get_by_role("link", name="Export as JSON"))
    another = await arrive(visit, stubbed, scripts)
    await another.page.goto(f"{visitor.url}/chat/import/")
    await upload(another, text.encode())
    await expect(another.page.get_by_text("Imported: 1 chat with 1 question.")).to_be_visible()
    await upload(another, text.encode())
    await expect(another.page.get_by_text("1 chat was left out: it is there already.")).to_be_visible()


@both
async def test_a_file_that_cannot_be_read_says_so_and_another_can_be_chosen(
    stubbed: Stubbed, visit: Visit, scripts: bool
):
    visitor = await arrive(visit, stubbed, scripts)
    page = visitor.page
    visitor.expect_complaint("422")
    await page.goto(f"{visitor.url}/chat/import/")
    await upload(visitor, b"no chats")
    await expect(page.get_by_role("alert")).to_contain_text("This file is not JSON")
    await upload(visitor, file_of(parley()))
    await expect(page.get_by_text("Imported: 1 chat with 2 questions.")).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_count(0)
