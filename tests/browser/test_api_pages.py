"""Swagger UI and Redoc, from the package's own files and under a strict policy."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stubbed, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_swagger_ui_shows_the_operations(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)  # what the browser complains of, and requests elsewhere, fail in the end
    answer = await visitor.page.goto(f"{visitor.url}/api/docs/")
    assert answer is not None
    assert "unsafe" not in answer.headers["content-security-policy"]
    await visitor.page.locator("#operations-chat-chat").click()
    operation = visitor.page.locator("#operations-chat-chat .opblock-description")
    await expect(operation).to_contain_text("Ask in a session of yours")


async def test_swagger_ui_asks_the_site_itself(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    await visitor.page.goto(f"{visitor.url}/api/docs/")
    operation = visitor.page.locator("#operations-schema-schema_retrieve")
    await operation.locator(".opblock-summary").click()
    await operation.get_by_role("button", name="Try it out").click()
    await operation.get_by_role("button", name="Execute").click()
    await expect(operation.locator(".live-responses-table .response .response-col_status")).to_have_text("200")


async def test_redoc_shows_the_operations(stubbed: Stubbed, visit: Visit):
    visitor = await visit(stubbed.stack)
    # It says so of every choice between a type and null, which it shows all the same.
    visitor.expect_complaint("Incompatible types in allOf")
    answer = await visitor.page.goto(f"{visitor.url}/api/redoc/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "worker-src" not in policy
    await expect(visitor.page.get_by_role("heading", name="Follow an answer")).to_be_visible()
    # The picture of its makers' site in its footer is left out, and not asked for.
    await visitor.page.wait_for_load_state("networkidle")
    await expect(visitor.page.get_by_text("API docs by Redocly")).to_be_visible()
    await expect(visitor.page.get_by_alt_text("redocly logo")).to_have_count(0)
