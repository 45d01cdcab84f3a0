"""A person at a browser, who also notes what the browser complains of and where it sends requests."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Playwright, Request, expect

from tests.browser.find_chromium import find_chromium

PASSWORD = "correct horse battery"
# Milliseconds for the model's part: two small cores, which other tests may be using, too.
ANSWER_MS = 60_000
# What the small model answers in a few sentences, and what it would go on about for a long time: stop that.
SHORT = "Explain in two sentences why the sky is blue."
LONG = "Write a very long story about a lighthouse keeper, with many chapters."

# The browser's own errands are no requests of ours; as root it has no sandbox.
_CHROMIUM_OPTIONS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--disable-gpu",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]

# Keeps every EventSource that the page opens, to see which are still open.
_KEEP_SOURCES = """
window.sources = [];
window.EventSource = class extends EventSource {
  constructor(...given) { super(...given); window.sources.push(this); }
};
"""


async def launch(playwright: Playwright) -> Browser:
    """The Chromium of this machine."""
    return await playwright.chromium.launch(executable_path=find_chromium(), args=_CHROMIUM_OPTIONS)


async def wait_until(condition: Callable[[], Awaitable[Any]], limit: float, what: str) -> None:
    """Wait for a condition; fail with `what` if it does not come true within the limit, in seconds."""
    deadline = time.monotonic() + limit
    while not await condition():
        assert time.monotonic() < deadline, f"not within {limit:g} s: {what}"
        await asyncio.sleep(0.02)


class Visitor:
    """One browser context on the site at `url`. `page` is its first tab.

    Attributes:
        complaints: errors and warnings of the console (the content security policy's among them) and uncaught
            exceptions. `expect_complaint` names a part of one that a test provokes.
        addresses: the URL of every request.
    """

    def __init__(self, url: str, context: BrowserContext) -> None:
        self.url = url
        self.context = context
        self.complaints: list[str] = []
        self.addresses: list[str] = []
        self._expected: list[str] = []
        self.page: Page

    async def arrive(self) -> None:
        await self.context.add_init_script(_KEEP_SOURCES)
        self.context.on("request", self._note_request)
        self.context.on("console", self._note_message)
        self.context.on("weberror", lambda problem: self.complaints.append(f"uncaught: {problem.error}"))
        self.page = await self.context.new_page()

    def _note_request(self, request: Request) -> None:
        self.addresses.append(request.url)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def expect_complaint(self, *parts: str) -> None:
        self._expected += parts

    def check(self) -> None:
        """Fail on a complaint that nobody expected, and on a request that left the site."""
        unexpected = [text for text in self.complaints if not any(part in text for part in self._expected)]
        assert not unexpected, unexpected
        strays = [address for address in self.addresses if not address.startswith((f"{self.url}/", "data:"))]
        assert not strays, strays

    # What a person does

    async def sign_up(self, name: str = "") -> str:
        """Make an account through the page, under a name of its own if none is given; gives the name."""
        name = name or f"visitor-{uuid4().hex[:12]}"
        await self.page.goto(f"{self.url}/accounts/signup/")
        await self.page.get_by_label("Username").fill(name)
        await self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        await self.page.get_by_label("Password confirmation").fill(PASSWORD)
        await self.page.get_by_role("button", name="Sign up").click()
        await expect(self.page).to_have_url(f"{self.url}/chat/")
        await self.page.wait_for_load_state()
        return name

    async def ask(self, question: str) -> None:
        turns = self.page.locator(".turn")
        before = await turns.count()
        await self.page.get_by_label("Message").fill(question)
        await self.page.get_by_role("button", name="Send").click()
        await expect(turns).to_have_count(before + 1)

    # What a person sees

    @property
    def answer(self) -> Locator:
        """The newest answer."""
        return self.page.locator(".answer").last

    async def answer_text(self) -> str:
        return (await self.answer.locator(".blocks").inner_text()).strip()

    async def until_finished(self, status: str = "complete") -> str:
        """Wait for the newest answer's end; gives its text."""
        await expect(self.answer).to_have_attribute("data-status", status, timeout=ANSWER_MS)
        return await self.answer_text()

    async def until_writing(self, at_least: int = 40) -> None:
        """Wait until the newest answer has some text and is still being written."""
        running = self.page.locator(".answer.running .answer-body")
        await wait_until(lambda: _longer(running, at_least), ANSWER_MS / 1000, "an answer with some text")

    async def open_streams(self) -> int:
        """How many EventSources of the page are open or want to be."""
        return int(await self.page.evaluate("sources.filter((one) => one.readyState !== 2).length"))

    async def width_left_over(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(await self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


async def _longer(running: Locator, at_least: int) -> bool:
    return len(await running.inner_text(timeout=ANSWER_MS)) >= at_least
