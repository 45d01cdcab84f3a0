"""An answer while it is being written: what is there stays, and it is said in sentences."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import ANSWER_MS

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Selects the first paragraph of the newest answer.
SELECT = """() => {
  const range = document.createRange();
  range.selectNodeContents(document.querySelector(".answer .blocks > p"));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}"""

# Marks every block as it is when it comes.
_MARK_BLOCKS = """() => {
  window.removed = 0;
  const blocks = document.querySelector(".answer .blocks");
  const mark = () => [...blocks.children].forEach((one, index) => { one.mark ??= index + 1; });
  mark();
  new MutationObserver((changes) => {
    for (const change of changes) window.removed += change.removedNodes.length;
    mark();
  }).observe(blocks, { childList: true });
}"""

# Notes what is said, and when.
_LISTEN = """() => {
  window.heard = [];
  const place = document.getElementById("reading");
  new MutationObserver(() => heard.push([performance.now(), place.textContent])).observe(place, { childList: true });
}"""


# Notes every task that kept the page from answering its reader for 50 ms or more.
_NOTE_LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((one) => one.duration)))
  .observe({ type: "longtask", buffered: true });
"""

PARAGRAPHS = "Some words of a paragraph that goes on for a while, with *emphasis* and `code` in it.\n\n" * 1150
CODE = "```python\n" + "print('a line of code that is here')\n" * 2700 + "```\n"


async def test_what_is_selected_stays_selected_when_the_answer_ends(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("Select this sentence.\n\n```python\nprint(1)\n```\n\n" + "word " * 30, delay_s=0.03)
    visitor = await visit(stubbed.stack, permissions=["clipboard-read", "clipboard-write"])
    await visitor.sign_up()
    await visitor.ask("Go on.")
    await expect(visitor.answer.locator(".blocks > p")).to_have_count(1)
    await visitor.page.evaluate(SELECT)
    await visitor.until_finished()
    assert await visitor.page.evaluate("getSelection().toString()") == "Select this sentence."
    await expect(visitor.answer.get_by_role("button", name="Try again")).to_be_visible()
    await expect(visitor.answer.get_by_role("button", name="Copy")).to_have_count(2)
    assert await visitor.open_streams() == 0
    stubbed.engine.behave()
    await visitor.answer.get_by_role("button", name="Try again").click()
    await expect(visitor.answer.locator(".blocks")).to_have_text("Hello, world.")


async def test_a_link_that_is_defined_at_the_end_is_one_at_the_end_and_the_rest_stays(stubbed: Stubbed, visit: Visit):
    text = "Select this sentence.\n\nSee [the lamp][1] and [that] and [^a].\n\n```\ncode\n```\n\n" + "word " * 30
    stubbed.engine.behave(
        f"{text}\n\n[1]: http://lamp.example\n[1]: http://wrong.example\n[that]: http://that.example\n\n[^a]: Who?\n",
        delay_s=0.03,
    )
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await visitor.ask("Go on.")
    await expect(visitor.answer.locator(".blocks > p")).to_have_count(2)
    await expect(visitor.answer.locator(".blocks")).to_contain_text("[the lamp][1] and [that] and [^a]")
    await visitor.page.evaluate(SELECT)
    await visitor.until_finished()
    assert await visitor.page.evaluate("getSelection().toString()") == "Select this sentence."
    for _ in range(2):
        links = visitor.answer.locator(".blocks > p a")
        addresses = await links.evaluate_all("(all) => all.map((one) => one.getAttribute('href'))")
        assert addresses[:2] == ["http://lamp.example", "http://that.example"]
        await expect(visitor.answer.locator(".footnote")).to_have_attribute("id", addresses[2].removeprefix("#"))
        assert len(addresses) == 3
        await expect(visitor.answer.locator(".blocks")).to_contain_text("See the lamp and that and a.")
        await expect(visitor.answer.locator(".blocks .copy")).to_have_count(1)
        await visitor.page.reload()


async def test_a_block_is_appended_once_and_never_touched_again(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("One paragraph.\n\n" * 30, delay_s=0.01)
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await visitor.ask("Go on.")
    await visitor.page.evaluate(_MARK_BLOCKS)
    await visitor.until_finished()
    marks = await visitor.page.evaluate("[...document.querySelectorAll('.answer .blocks > *')].map((one) => one.mark)")
    assert marks == list(range(1, 31))
    assert await visitor.page.evaluate("removed") == 0


async def test_an_end_whose_blocks_are_not_all_here_brings_them(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("One paragraph.\n\n" * 20, delay_s=0.02)
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await visitor.ask("Go on.")
    await expect(visitor.answer.locator(".blocks > p").nth(2)).to_be_visible()
    await visitor.page.evaluate("document.querySelector('.answer .blocks > p').remove()")
    await visitor.until_finished()
    await expect(visitor.answer.locator(".blocks > p")).to_have_count(20)


async def test_an_answer_is_said_in_whole_sentences_and_all_of_it_once(stubbed: Stubbed, visit: Visit):
    sentences = [f"This is sentence number {number} of them all." for number in range(24)]
    text = " ".join(sentences[:12]) + "\n\n```python\nprint(1)\n```\n\n" + " ".join(sentences[12:])
    stubbed.engine.behave(text, delay_s=0.03)
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await visitor.page.evaluate(_LISTEN)
    await visitor.ask("Go on.")
    await visitor.until_finished()
    heard = await visitor.page.evaluate("heard")
    assert " ".join(said for _, said in heard) == " ".join([*sentences[:12], "Code.", *sentences[12:]])
    assert len(heard) >= 3, "it was said while it came"
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(heard[:-1])]
    assert min(gaps) > 1900, "and not faster than it can be listened to"
    await expect(visitor.page.locator("#announcement")).to_have_text("The answer is finished.")


async def test_a_page_does_not_say_what_it_brings(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await visitor.ask("Hello?")
    await visitor.until_finished()
    await visitor.page.reload()
    await expect(visitor.answer).to_have_attribute("data-status", "complete", timeout=ANSWER_MS)
    await expect(visitor.page.locator("#reading")).to_be_empty()


@pytest.mark.parametrize("text", [PARAGRAPHS, CODE], ids=["many blocks", "one block"])
async def test_an_answer_of_100_kb_leaves_the_page_free_for_its_reader(stubbed: Stubbed, visit: Visit, text: str):
    visitor = await visit(stubbed.stack)
    await visitor.context.add_init_script(_NOTE_LONG_TASKS)
    await visitor.sign_up()
    pieces = [text[start : start + 100] for start in range(0, len(text), 100)]
    stubbed.engine.behave("")
    stubbed.engine.behaviour.pieces[:] = pieces
    stubbed.engine.behaviour.delay_s = 0.01
    began = time.monotonic()
    await visitor.ask("Go on.")
    await visitor.until_finished()
    took = (time.monotonic() - began) * 1000
    tasks = await visitor.page.evaluate("longTasks")
    assert sum(tasks) < took / 3, f"{sum(tasks):.0f} of {took:.0f} ms"
    assert max(tasks, default=0) < 1000
