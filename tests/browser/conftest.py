"""A real Chromium, visitors with it, and a second stack whose model does what a test tells it to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from launcher import REPOSITORY
from tests.browser.engine import Engine
from tests.browser.visitor import Visitor, launch
from tests.support.files import serving
from tests.support.stack import Stack, running_stack

Visit = Callable[..., Awaitable[Visitor]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await launch(playwright)
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """`await visit(stack, **options of the browser context)`. Fails in the end if the browser complained."""
    async with AsyncExitStack() as at_the_end:
        visitors: list[Visitor] = []

        async def arrive(stack: Stack, **options: Any) -> Visitor:
            context = await browser.new_context(**options)
            at_the_end.push_async_callback(context.close)
            visitors.append(Visitor(stack.url, context))
            await visitors[-1].arrive()
            return visitors[-1]

        yield arrive
        for visitor in visitors:
            visitor.check()


@dataclass(frozen=True)
class Stubbed:
    """The second stack, and its model."""

    stack: Stack
    engine: Engine


@pytest.fixture(scope="session")
def example_page() -> Iterator[str]:
    """docs/examples/fetch-with-auth/ on another origin than the site's: its address, without a slash at the end."""
    with serving(REPOSITORY / "docs" / "examples" / "fetch-with-auth") as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _second_stack(tmp_path_factory: pytest.TempPathFactory, example_page: str) -> AsyncIterator[Stubbed]:
    engine = Engine()
    await engine.arrive()
    # The tests' own cluster has a database that nobody else uses: pytest-django makes another.
    variables: dict[str, str | int] = {
        "TGI_URL": engine.url,
        "TGI_RETRY_FOR": 1,
        "TGI_CONNECT_TIMEOUT": 1,
        "CORS_ORIGINS": f"https://app.example.org,{example_page}",
        "DATABASE_URL": os.environ["DATABASE_URL"],
    }
    starting = running_stack(tmp_path_factory.mktemp("stubbed") / "data", **variables)
    yield Stubbed(await asyncio.to_thread(starting.__enter__), engine)
    await asyncio.to_thread(starting.__exit__, None, None, None)
    await engine.go_away()


@pytest.fixture
def stubbed(_second_stack: Stubbed) -> Stubbed:
    """The second stack, its model behaving as it does when nobody says otherwise."""
    _second_stack.engine.behave()
    return _second_stack
