"""docs/examples/fetch-with-auth/: a page of another origin that uses the API, in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
import jwt
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, Route, expect

from config.env import Env
from config.settings import jwt_signing_key
from tests.browser.conftest import Stubbed
from tests.browser.visitor import wait_until
from tests.support.people import PASSWORD, sign_up
from tests.support.wire import wire_to

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFRESH = "/api/token/refresh/"


@dataclass
class Example:
    """The page, open, and what it sends to the site.

    Attributes:
        tokens: the pairs that it was given, in order.
        expired: whether the access tokens that it is given have expired already.
    """

    page: Page
    site: str
    username: str
    key: str
    requests: list[Request] = field(default_factory=list)
    tokens: list[dict[str, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expired: bool = False

    def sent(self, path: str, method: str = "POST") -> list[Request]:
        return [one for one in self.requests if one.url == self.site + path and one.method == method]

    async def hand_over(self, route: Route) -> None:
        """A pair of tokens on its way to the page."""
        if route.request.method != "POST":
            await route.continue_()
            return
        response = await route.fetch()
        if not response.ok:
            await route.fulfill(response=response)
            return
        pair = await response.json()
        self.tokens.append(dict(pair))
        if self.expired:
            claims = jwt.decode(pair["access"], self.key, algorithms=["HS256"])
            pair["access"] = jwt.encode(claims | {"exp": claims["iat"] - 1}, self.key, algorithm="HS256")
        await route.fulfill(response=response, json=pair)

    async def log_in(self, password: str = PASSWORD) -> None:
        await self.page.get_by_label("Username").fill(self.username)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Log in").click()

    async def logged_in(self, *, expired: bool = False) -> None:
        self.expired = expired
        await self.log_in()
        await expect(self.page.locator("#chat")).to_be_visible()
        self.expired = False

    async def ask(self, question: str) -> None:
        await self.page.get_by_label("Message").fill(question)
        await self.page.get_by_role("button", name="Send").click()

    async def is_out(self) -> None:
        await expect(self.page.locator("#log-in")).to_be_visible()
        await expect(self.page.locator("#chat")).to_be_hidden()


@pytest_asyncio.fixture(loop_scope="session")
async def example(browser: Browser, stubbed: Stubbed, example_page: str) -> AsyncIterator[Example]:
    site = stubbed.stack.url
    username = f"caller-{uuid4().hex[:12]}"
    await sign_up(site, username)
    context = await browser.new_context()
    page = await context.new_page()
    key = jwt_signing_key(Env(), (stubbed.stack.data_dir / "secret_key").read_text().strip())
    found = Example(page, site, username, key)
    page.on("request", lambda request: found.requests.append(request))  # noqa: PLW0108 - a method of a list cannot be marked
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    await context.route(f"{site}/api/token/", found.hand_over)
    await context.route(f"{site}{REFRESH}", found.hand_over)
    await page.goto(f"{example_page}/?parley={site}")
    yield found
    await context.close()
    assert found.complaints == []


async def log_in_with_expired_token(example: Example) -> None:
    """By the page's own client, which cannot tell."""
    example.expired = True
    await example.page.evaluate(
        """async ([username, password]) => {
          const { client } = await import("./example.js");
          await client.logIn(username, password);
        }""",
        [example.username, PASSWORD],
    )
    example.expired = False


async def call_many(example: Example, count: int) -> list[Any]:
    """Statuses of so many calls at once, by the page's own client; the name of the error where one throws."""
    found: list[Any] = await example.page.evaluate(
        """async (count) => {
          const { client } = await import("./example.js");
          const calls = Array.from({ length: count }, () => client.fetchWithAuth("/api/sessions/"));
          return Promise.all(calls.map((one) => one.then((response) => response.status, (error) => error.name)));
        }""",
        count,
    )
    return found


async def test_a_person_logs_in_and_reads_the_answer_while_it_is_written(example: Example, stubbed: Stubbed):
    stubbed.engine.behave("One two three four five.", delay_s=0.3)
    await example.is_out()
    await example.log_in(password="wrong")
    await expect(example.page.get_by_role("alert")).to_contain_text("no active account")
    await example.logged_in()
    await example.ask("Count to five.")
    answer = example.page.locator("#answer")
    await expect(answer).to_contain_text("One two")
    assert "five" not in await answer.inner_text()
    await expect(example.page.locator("#status")).to_have_text("complete")
    assert (await answer.inner_text()).strip() == "One two three four five."
    await expect(example.page.locator("#chats li")).to_have_count(1)


@pytest.mark.parametrize("calls", [1, 8])
async def test_however_many_calls_find_their_token_expired_it_is_renewed_once(example: Example, calls: int):
    await log_in_with_expired_token(example)
    assert await call_many(example, calls) == [200] * calls
    assert len(example.sent(REFRESH)) == 1
    assert len(example.sent("/api/sessions/", "GET")) == 2 * calls  # each was sent again
    assert await call_many(example, calls) == [200] * calls
    assert len(example.sent(REFRESH)) == 1


async def test_a_question_that_finds_its_token_expired_is_asked_once(example: Example, stubbed: Stubbed):
    stubbed.engine.behave("Here it is.")
    await example.logged_in()
    await log_in_with_expired_token(example)
    await example.ask("Is it there?")
    await expect(example.page.locator("#status")).to_have_text("complete")
    await expect(example.page.locator("#chats li")).to_have_count(1)
    assert (len(example.sent("/api/chat/")), len(example.sent(REFRESH))) == (2, 1)


async def test_it_does_not_go_on_refreshing_where_that_does_not_help(example: Example):
    await example.logged_in()
    await log_in_with_expired_token(example)
    example.expired = True
    assert await call_many(example, 1) == ["LogInNeeded"]
    assert len(example.sent(REFRESH)) == 1
    await example.is_out()


async def test_a_broken_connection_is_taken_up_where_it_broke(example: Example, stubbed: Stubbed, example_page: str):
    text = " ".join(f"né{number}🙂" for number in range(30))
    stubbed.engine.behave(text, delay_s=0.1)
    async with wire_to(example.site) as wire:
        example.site = wire.url
        await example.page.goto(f"{example_page}/?parley={wire.url}")
        await example.logged_in()
        await example.ask("Count.")
        answer = example.page.locator("#answer")
        await expect(answer).to_contain_text("né3")
        assert wire.cut()
        assert "né20" not in await answer.inner_text()
        await expect(example.page.locator("#status")).to_have_text("complete", timeout=20_000)
        assert (await answer.inner_text()).strip() == text
    assert len(example.sent("/api/chat/")) == 1
    [resumed] = [one for one in example.requests if one.url.endswith("/stream/") and one.method == "GET"]
    assert int((await resumed.all_headers())["last-event-id"]) > 0


async def test_a_refresh_token_that_was_revoked_leads_to_the_log_in(example: Example):
    await example.logged_in()
    body = {"refresh": example.tokens[-1]["refresh"]}
    async with (
        aiohttp.ClientSession(example.site) as client,
        client.post("/api/token/blacklist/", json=body) as response,
    ):
        assert response.status == 200
    await example.page.reload()
    await example.is_out()
    assert len(example.sent(REFRESH)) == 1
    await example.logged_in()


async def test_a_duplicated_tab_gets_no_copy_of_the_refresh_token(example: Example):
    await example.logged_in()
    assert await example.page.evaluate("sessionStorage.length") == 0
    await example.page.reload()
    await expect(example.page.locator("#chat")).to_be_visible()
    assert await example.page.evaluate("sessionStorage.length") == 0


async def test_logging_out_ends_the_refresh_token(example: Example):
    await example.logged_in()
    await example.page.get_by_role("button", name="Log out").click()
    await example.is_out()
    await wait_until(lambda: _answered(example, "/api/token/blacklist/"), 5, "the log-out's answer")
    used = {"refresh": example.tokens[-1]["refresh"]}
    async with aiohttp.ClientSession(example.site) as client, client.post(REFRESH, json=used) as response:
        assert response.status == 401
    await example.page.reload()
    await example.is_out()


async def _answered(example: Example, path: str) -> bool:
    return any([await one.response() for one in example.sent(path)])


# What the site lets pages of other origins do


async def headers_for(stubbed: Stubbed, path: str, origin: str, method: str = "GET") -> dict[str, str]:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    async with (
        aiohttp.ClientSession(stubbed.stack.url) as client,
        client.request(method, path, headers=headers, allow_redirects=False) as response,
    ):
        return {name.lower(): value for name, value in response.headers.items() if "access-control" in name.lower()}


@pytest.mark.parametrize("path", ["/api/sessions/", "/v1/models"])
async def test_a_page_of_a_named_origin_may_use_the_api_without_cookies(stubbed: Stubbed, example_page: str, path: str):
    for method in ("GET", "OPTIONS"):
        allowed = await headers_for(stubbed, path, example_page, method)
        assert allowed["access-control-allow-origin"] == example_page
        assert "access-control-allow-credentials" not in allowed
    assert allowed["access-control-allow-headers"] == "*, authorization"


async def test_no_other_origin_may_and_no_page_of_the_site_can_be_read(stubbed: Stubbed, example_page: str):
    for origin in ("https://evil.example", f"{example_page}0", "null", "https://app.example.org.evil.example"):
        assert await headers_for(stubbed, "/api/sessions/", origin) == {}
    for path in ("/", "/chat/", "/accounts/login/", "/settings/tokens/", "/admin/login/", "/healthz"):
        assert await headers_for(stubbed, path, example_page) == {}
