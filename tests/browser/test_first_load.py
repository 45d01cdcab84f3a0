"""What opening a chat costs: requests, bytes, waiting for scripts, and text that jumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import ANSWER_MS, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_BYTES = 45_000
MOST_SCRIPT_BYTES = 30_000
MOST_REQUESTS = 5
# What is commonly called good is 0.1. It is next to nothing, but what a click brings may come too late on a busy
# machine to be taken for its doing.
MOST_SHIFT = 0.05
MOST_SHIFT_IN_PIECES = 0.003

# Adds up by how much what is on the screen has moved without its reader's doing.
_NOTE_SHIFTS = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shift += one.value;
}).observe({ type: "layout-shift", buffered: true });
"""
_ADD_SHIFTS = """(previous) => new Promise((resolve) =>
  requestAnimationFrame(() => setTimeout(() => resolve(window.shift), 100)))"""
_BLOCKING = """() => [...document.querySelectorAll("script")]
  .filter((one) => !(one.type === "module" || one.async || one.defer))
  .map((one) => one.outerHTML)"""


@dataclass
class Load:
    """What the network brought: bytes as they were sent, headers and all, by kind of resource."""

    bytes: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    encodings: dict[str, str] = field(default_factory=dict)


async def load(visitor: Visitor, url: str) -> Load:
    """Open a page with an empty cache."""
    found, kinds = Load(), dict[str, str]()
    devtools = await visitor.context.new_cdp_session(visitor.page)

    def came(event: dict[str, Any]) -> None:
        kinds[event["requestId"]] = event["type"]
        headers = {name.lower(): value for name, value in event["response"]["headers"].items()}
        found.encodings[event["type"]] = headers.get("content-encoding", "")

    def ended(event: dict[str, Any]) -> None:
        kind = kinds[event["requestId"]]
        found.bytes[kind] = found.bytes.get(kind, 0) + int(event["encodedDataLength"])
        found.requests += 1

    listeners: dict[str, Callable[[dict[str, Any]], None]] = {
        "Network.responseReceived": came,
        "Network.loadingFinished": ended,
    }
    for name, listener in listeners.items():
        devtools.on(name, listener)
    await devtools.send("Network.enable")
    await devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    await visitor.page.goto(url, wait_until="networkidle")
    await devtools.detach()
    return found


async def fill_the_list(visitor: Visitor, count: int) -> None:
    """Ask for so many chats, as plain forms do."""
    token = await visitor.page.locator("#composer [name=csrfmiddlewaretoken]").input_value()
    for number in range(count):
        form: dict[str, str | float | bool] = {"csrfmiddlewaretoken": token}
        form["query"] = f"Question number {number} with a title as long as titles are"
        asked = await visitor.context.request.post(f"{visitor.url}/chat/", form=form, max_redirects=0)
        assert asked.status == 303, await asked.text()


async def test_a_chat_with_a_full_list_beside_it_costs_few_requests_and_bytes(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("An answer of *some* words.\n\n" * 20)
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await fill_the_list(visitor, 40)
    await visitor.page.reload()
    for _ in range(3):
        await visitor.ask("Question in the chat that is opened")
        await visitor.until_finished()
    found = await load(visitor, visitor.page.url)
    assert set(found.bytes) == {"Document", "Stylesheet", "Script", "Other"}, "the other is the icon"
    assert found.requests <= MOST_REQUESTS, found
    assert sum(found.bytes.values()) <= MOST_BYTES, found
    assert found.bytes["Script"] <= MOST_SCRIPT_BYTES
    assert found.encodings["Document"] == "gzip"
    assert {found.encodings["Script"], found.encodings["Stylesheet"]} <= {"br", "gzip"}


@pytest.mark.parametrize("path", ["/chat/", "/accounts/login/"])
async def test_no_script_keeps_a_page_from_being_shown(stubbed: Stubbed, visit: Visit, path: str):
    visitor = await visit(stubbed.stack)
    if path == "/chat/":
        await visitor.sign_up()
    await visitor.page.goto(f"{visitor.url}{path}")
    assert await visitor.page.evaluate(_BLOCKING) == []


@pytest.mark.parametrize("width", [360, 1280])
async def test_nothing_jumps_while_a_chat_is_opened_and_an_answer_is_written(
    stubbed: Stubbed, visit: Visit, width: int
):
    stubbed.engine.behave("# Title\n\nSome words.\n\n- one\n- two\n\n```python\nprint(1)\n```\n\n" * 6, delay_s=0.02)
    visitor = await visit(stubbed.stack, viewport={"width": width, "height": 700})
    await visitor.context.add_init_script(_NOTE_SHIFTS)
    await visitor.sign_up()
    assert await visitor.page.evaluate(_ADD_SHIFTS) <= MOST_SHIFT
    await visitor.ask("Go on.")
    await visitor.until_finished()
    assert await visitor.page.evaluate(_ADD_SHIFTS) <= MOST_SHIFT
    await visitor.page.reload()
    await expect(visitor.answer).to_have_attribute("data-status", "complete", timeout=ANSWER_MS)
    assert await visitor.page.evaluate(_ADD_SHIFTS) <= MOST_SHIFT


@pytest.mark.parametrize("width", [360, 1280])
async def test_nothing_jumps_when_a_page_comes_in_pieces(stubbed: Stubbed, visit: Visit, width: int):
    stubbed.engine.behave("# Title\n\nSome words.\n\n" * 20)
    visitor = await visit(stubbed.stack, viewport={"width": width, "height": 700})
    await visitor.context.add_init_script(_NOTE_SHIFTS)
    await visitor.sign_up()
    await visitor.ask("Go on.")
    await visitor.until_finished()
    devtools = await visitor.context.new_cdp_session(visitor.page)
    await devtools.send("Network.enable")
    for path in (visitor.page.url, f"{visitor.url}/chat/"):
        for bytes_per_s in (3_000, 10_000, 40_000):
            line = {"offline": False, "latency": 20, "downloadThroughput": bytes_per_s, "uploadThroughput": -1}
            await devtools.send("Network.emulateNetworkConditions", line)
            await visitor.page.goto(path)
            assert await visitor.page.evaluate(_ADD_SHIFTS) <= MOST_SHIFT_IN_PIECES, (path, bytes_per_s)
