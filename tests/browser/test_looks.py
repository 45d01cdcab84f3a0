"""What the style promises: paper, wide and narrow windows, and texts that nobody has thought of."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Stubbed, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDTHS = (320, 390, 768, 1280, 2560)
WORST = f"""\
{"Wort" * 1250}

| {" | ".join(f"column {number}" for number in range(30))} |
|{"---|" * 30}
| {" | ".join("a long cell" for _ in range(30))} |

{"".join("  " * depth + f"- level {depth}" + chr(10) for depth in range(12))}
"""


async def test_a_conversation_prints_without_what_belongs_to_the_screen(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("See [the guide](https://example.com/guide).\n\n" + "A paragraph.\n\n" * 100)
    visitor = await visit(stubbed.stack, viewport={"width": 800, "height": 600})
    await visitor.sign_up()
    await visitor.ask("How?")
    await visitor.until_finished()
    page = visitor.page
    await page.emulate_media(media="print", color_scheme="dark")
    for gone in ("#sidebar", ".dock", ".answer-actions", ".question-actions", ".skip-link"):
        await expect(page.locator(gone)).to_be_hidden()
    await expect(page.locator(".question-text")).to_be_visible()
    await expect(page.get_by_text("A paragraph.")).to_have_count(101)  # one of them is read aloud
    sheets = len(re.findall(rb"/Type */Page\b", await page.pdf(format="A5")))
    assert sheets > 3, "the window's height cuts it off"
    assert await page.locator("body").evaluate("(one) => getComputedStyle(one).colorScheme") == "light"
    link = visitor.answer.get_by_role("link", name="the guide")
    assert "https://example.com/guide" in await link.evaluate("(one) => getComputedStyle(one, '::after').content")


async def test_no_window_is_too_narrow_or_too_wide_for_the_worst_of_texts(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave(WORST)
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await visitor.ask("T" * 300)
    await visitor.until_finished()
    page, composer = visitor.page, visitor.page.locator("#composer")
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        assert await visitor.width_left_over() <= 0, width
        assert await page.locator("#thread").evaluate("(one) => one.scrollWidth - one.clientWidth") <= 0, width
        await expect(composer).to_be_in_viewport(ratio=1)
        # Lines stay as long as one can read them.
        assert await visitor.answer.evaluate("(one) => one.clientWidth") <= 46 * 16


async def test_a_right_to_left_page_is_mirrored(stubbed: Stubbed, visit: Visit):
    somebody = await visit(stubbed.stack)
    await somebody.sign_up()
    state = await somebody.context.storage_state()
    visitor = await visit(stubbed.stack, locale="ar", storage_state=state, viewport={"width": 1280, "height": 800})
    await visitor.page.goto(f"{visitor.url}/chat/")
    await expect(visitor.page.locator("html")).to_have_attribute("dir", "rtl")
    sidebar, field, send = [await left(visitor.page.locator(one)) for one in ("#sidebar", "#query", ".send")]
    assert sidebar > field > send


async def left(element: Locator) -> float:
    return float(await element.evaluate("(one) => one.getBoundingClientRect().left"))
