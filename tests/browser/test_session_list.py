"""The list of chats in a browser, with JavaScript and without: search, pin, archive, undo, several at once."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

APPLES, PEARS, PLUMS = "How do apples grow?", "Where do pears come from?", "梅子什么时候成熟?"
both = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])


async def arrive(visit: Visit, stubbed: Stubbed, scripts: bool, *questions: str) -> Visitor:
    """Somebody with a chat for each of the questions, the last of them open."""
    visitor = await visit(stubbed.stack, java_script_enabled=scripts)
    await visitor.sign_up()
    for question in questions:
        await visitor.page.goto(f"{visitor.url}/chat/")
        await visitor.ask(question)
        await expect(visitor.page.get_by_role("button", name="Try again")).to_be_visible()
        if not scripts:  # the page that the answer was written into is left for the chat's own
            await visitor.page.reload()
        await visitor.until_finished()
    return visitor


def item(visitor: Visitor, title: str) -> Locator:
    """A chat in the sidebar."""
    return visitor.page.locator(".session-item").filter(has=visitor.page.get_by_role("link", name=title))


async def act(visitor: Visitor, title: str, name: str) -> None:
    """Open the menu of a chat in the sidebar, and do that."""
    await item(visitor, title).locator("summary").click()
    await item(visitor, title).get_by_role("button", name=name, exact=True).click()


@both
async def test_delete_and_undo(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts, APPLES, PEARS)
    page = visitor.page
    await act(visitor, APPLES, "Delete")
    await expect(item(visitor, APPLES)).to_have_count(0)
    await expect(page.get_by_text("1 chat deleted.")).to_be_visible()
    await expect(page.locator(".question-text")).to_have_text(PEARS)
    undo = page.get_by_role("button", name="Undo")
    await expect(undo).to_be_focused()
    await undo.press("Enter")
    await expect(page.locator(".question-text")).to_have_text(APPLES)
    await expect(item(visitor, APPLES).locator("[aria-current]")).to_have_count(1)
    await page.reload()
    await expect(page.get_by_role("button", name="Undo")).to_have_count(0)


@both
async def test_the_open_chat_deleted_leaves_an_empty_page_and_comes_back(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts, APPLES)
    await act(visitor, APPLES, "Delete")
    await expect(visitor.page).to_have_url(f"{visitor.url}/chat/")
    await visitor.page.get_by_role("button", name="Undo").click()
    await expect(visitor.page.locator(".question-text")).to_have_text(APPLES)


@both
async def test_pin_and_unpin(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts, APPLES, PEARS)
    links = visitor.page.locator(".session-link")
    await expect(links).to_have_text([PEARS, APPLES])
    await act(visitor, APPLES, "Pin")
    await expect(visitor.page.locator("[data-group=pinned] .session-link")).to_have_text([APPLES])
    await expect(links).to_have_text([APPLES, PEARS])
    if scripts:
        await expect(links.first).to_be_focused()
    await expect(visitor.page.locator(".session-link[aria-current]")).to_have_text(PEARS)
    await visitor.ask("And quinces?")
    await expect(links).to_have_text([APPLES, PEARS])
    await act(visitor, APPLES, "Unpin")
    await expect(visitor.page.locator("[data-group=pinned]")).to_have_count(0)


@both
async def test_archive_and_back(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts, APPLES, PEARS)
    page, main = visitor.page, visitor.page.get_by_role("main")
    await act(visitor, APPLES, "Archive")
    await expect(page.get_by_text("1 chat archived.")).to_be_visible()
    await expect(item(visitor, APPLES)).to_have_count(0)
    if scripts:
        await expect(page.locator("#sessions")).to_be_focused()
    await page.get_by_role("link", name="All chats").click()
    await main.get_by_role("link", name="Archive").click()
    await page.get_by_label(f"Select {APPLES}").check()
    await main.get_by_role("button", name="Back to the list").click()
    await expect(page.get_by_text("The archive is empty.")).to_be_visible()
    await expect(item(visitor, APPLES)).to_have_count(1)


@both
async def test_several_at_once(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts, APPLES, PEARS, PLUMS)
    page, main = visitor.page, visitor.page.get_by_role("main")
    await page.get_by_role("link", name="All chats").click()
    await main.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("Select the chats first.")).to_be_visible()
    if scripts:
        await expect(page.locator("#all")).to_be_focused()
    for title in (APPLES, PLUMS):
        await page.get_by_label(f"Select {title}").check()
    await main.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("2 chats deleted.")).to_be_visible()
    await expect(page.get_by_role("button", name="Undo")).to_be_focused()
    await expect(main.locator(".session-table .title")).to_have_text([PEARS])
    await expect(page.locator(".session-link")).to_have_text([PEARS])
    await page.get_by_role("button", name="Undo").click()
    await expect(main.locator(".session-table .title")).to_have_text([PLUMS, PEARS, APPLES])


@both
async def test_the_selected_are_exported(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts, APPLES, PEARS)
    page = visitor.page
    await page.get_by_role("link", name="All chats").click()
    await page.get_by_label(f"Select {APPLES}").check()
    for name, ending in (("Export as Markdown", ".md"), ("Export as JSON", ".json")):
        async with page.expect_download() as downloading:
            await page.get_by_role("button", name=name).click()
        download = await downloading.value
        text = (await download.path()).read_text()
        assert download.suggested_filename.endswith(ending)
        assert (APPLES in text, PEARS in text) == (True, False)


@both
async def test_search_from_the_sidebar(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts, APPLES, PEARS, PLUMS)
    page = visitor.page
    found = page.locator("#sessions .found" if scripts else "#all .found")
    field = page.get_by_label("Search chats")
    await field.fill("ppl")
    if not scripts:
        await field.press("Enter")
    await expect(found).to_have_count(1)
    await expect(found.locator(".hits mark")).to_have_text(["ppl"])
    await found.locator(".hits a").click()
    await expect(page.locator(".question-text")).to_have_text(APPLES)
    await expect(page.locator(".turn:target")).to_have_count(1)


@both
async def test_a_search_that_finds_nothing_says_what_to_do(stubbed: Stubbed, visit: Visit, scripts: bool):
    visitor = await arrive(visit, stubbed, scripts, APPLES)
    page = visitor.page
    await page.get_by_role("link", name="All chats").click()
    field = page.get_by_label("Search titles, questions and answers")
    await field.fill("梅子 % _")
    if not scripts:
        await field.press("Enter")
    await expect(page.get_by_text("Nothing was found.")).to_be_visible()
    await page.get_by_role("link", name="Show all chats").click()
    await expect(page.locator(".session-table .title")).to_have_text([APPLES])


async def test_searching_keeps_the_keyboard_and_the_list_comes_back(stubbed: Stubbed, visit: Visit):
    visitor = await arrive(visit, stubbed, True, APPLES, PLUMS)
    page = visitor.page
    field = page.get_by_label("Search chats")
    await field.press_sequentially("梅子")
    await expect(page.locator("#sessions .found")).to_have_count(1)
    await expect(page.locator("#search-status")).to_have_text("1 chat found.")
    await expect(field).to_be_focused()
    await visitor.ask("And when are they eaten?")  # the list that is not shown is told, too
    await field.fill("")
    await expect(page.locator(".session-link")).to_have_text([PLUMS, APPLES])


async def test_a_used_chat_comes_to_today_from_another_day(stubbed: Stubbed, visit: Visit):
    """Today's group is there before there is a chat in it, and one that loses its last chat goes."""
    visitor = await arrive(visit, stubbed, True, APPLES)
    page = visitor.page
    await page.evaluate(
        """() => {
          const today = document.querySelector('[data-group=today]'), yesterday = today.cloneNode(true);
          yesterday.dataset.group = 'yesterday';
          yesterday.querySelector('ul').removeAttribute('id');
          today.querySelector('li').remove();
          today.after(yesterday);
        }"""
    )
    await expect(page.locator("[data-group=today]")).to_be_hidden()
    await visitor.ask("And pears?")
    await expect(page.locator("[data-group=today] .session-link")).to_have_text([APPLES])
    await expect(page.locator(".session-link")).to_have_count(1)
    await expect(page.locator("[data-group=yesterday]")).to_be_hidden()


async def test_the_browsers_time_zone_decides_what_is_today(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack, timezone_id="Pacific/Auckland")
    await visitor.sign_up()
    [zone] = [one["value"] for one in await visitor.context.cookies() if one["name"] == "timezone"]
    assert zone == "Pacific/Auckland"
