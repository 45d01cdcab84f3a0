"""Settings in a real Chromium, with JavaScript and without: languages, colours, what answers are made with."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import ANSWER_MS, PASSWORD, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")
with_and_without = pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
DESK = {"width": 1280, "height": 800}


async def arrive(visit: Visit, stubbed: Stubbed, javascript: bool, **options: object) -> Visitor:
    visitor = await visit(stubbed.stack, java_script_enabled=javascript, viewport=DESK, **options)
    await visitor.sign_up()
    return visitor


async def open_settings(page: Page) -> None:
    await page.get_by_role("navigation", name="Chats").locator(".account").get_by_role("link", name="Settings").click()
    await expect(page.get_by_role("heading", name="General")).to_be_visible()


async def until_answered(visitor: Visitor) -> None:
    """Wait for the answer, then open the chat's own page: without scripts another one streamed it."""
    await expect(visitor.page.locator(".regenerate").last).to_be_visible(timeout=ANSWER_MS)
    await visitor.page.goto(visitor.page.url.replace("/live/", "/"))
    await visitor.until_finished()


@with_and_without
async def test_german_is_spoken_at_once_and_after_the_log_out(stubbed: Stubbed, visit: Visit, javascript: bool):
    visitor = await arrive(visit, stubbed, javascript)
    page = visitor.page
    await open_settings(page)
    await page.get_by_label("Language").select_option("de")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Allgemein")).to_be_visible()
    await expect(page.get_by_text("Gespeichert.")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", "de")
    await page.get_by_role("link", name="Neuer Chat").first.click()
    await page.get_by_label("Nachricht").fill("Hallo")
    await page.get_by_role("button", name="Senden").click()
    await until_answered(visitor)
    await expect(visitor.answer.get_by_role("button", name="Noch einmal")).to_be_visible()
    await page.get_by_role("button", name="Abmelden").click()
    await expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()


@with_and_without
async def test_arabic_goes_from_right_to_left(stubbed: Stubbed, visit: Visit, javascript: bool):
    visitor = await arrive(visit, stubbed, javascript)
    page = visitor.page
    await open_settings(page)
    await page.get_by_label("Language").select_option("ar")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    sidebar, main = await page.locator("#sidebar").bounding_box(), await page.locator("#main").bounding_box()
    assert sidebar is not None
    assert main is not None
    assert sidebar["x"] > main["x"], "the list of chats is at the right"
    await page.set_viewport_size({"width": 360, "height": 740})
    overflow = page.locator("html")
    assert await overflow.evaluate("(html) => html.scrollWidth") <= 360


@with_and_without
@pytest.mark.parametrize("system", ["light", "dark"])
async def test_a_chosen_theme_wins_over_the_systems(stubbed: Stubbed, visit: Visit, javascript: bool, system: str):
    visitor = await arrive(visit, stubbed, javascript, color_scheme=system)
    page = visitor.page
    await open_settings(page)
    chosen = {"light": "dark", "dark": "light"}[system]
    before = await paper(page)
    await page.get_by_label("Colours").select_option(chosen)
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", chosen)
    assert (before, await paper(page)) == (COLOURS[system], COLOURS[chosen])
    await page.goto(f"{visitor.url}/nowhere/")
    assert await page.locator("html").get_attribute("data-theme") == chosen
    visitor.expect_complaint("404")


COLOURS = {"light": "rgb(252, 251, 248)", "dark": "rgb(21, 24, 22)"}


async def paper(page: Page) -> str:
    return str(await page.locator("html").evaluate("(html) => getComputedStyle(html).backgroundColor"))


@with_and_without
async def test_what_is_kept_as_a_preset_in_one_chat_is_used_in_another(
    stubbed: Stubbed, visit: Visit, javascript: bool
):
    visitor = await arrive(visit, stubbed, javascript)
    page = visitor.page
    await visitor.ask("First")
    await until_answered(visitor)
    await page.goto(f"{page.url}settings/")
    await page.get_by_label("System prompt").fill("You are brief.")
    await page.get_by_label("Temperature").fill("0.25")
    await page.get_by_label("Name of a new preset").fill("Brief")
    await page.get_by_role("button", name="Save, also as a preset").click()
    await expect(page.locator("#messages")).to_contain_text("Saved.")

    await page.goto(f"{visitor.url}/chat/")
    await visitor.ask("Second")
    await until_answered(visitor)
    await page.goto(f"{page.url}settings/")
    await page.get_by_label("Preset", exact=True).select_option("Brief")
    await page.get_by_role("button", name="Use preset").click()
    await expect(page.get_by_label("System prompt")).to_have_value("You are brief.")
    await expect(page.get_by_label("Temperature")).to_have_value("0.25")


@with_and_without
async def test_a_password_is_changed_and_the_account_deleted(stubbed: Stubbed, visit: Visit, javascript: bool):
    visitor = await arrive(visit, stubbed, javascript)
    page = visitor.page
    await page.goto(f"{visitor.url}/settings/account/")
    await page.get_by_label("Old password").fill(PASSWORD)
    for label in ("New password", "New password confirmation"):
        await page.get_by_label(label, exact=True).fill("another one entirely")
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.locator("#messages")).to_contain_text("Your password was changed")
    await page.get_by_role("link", name="Delete the account…").click()
    await page.get_by_label("Your password").fill("another one entirely")
    await page.get_by_role("button", name="Delete the account").click()
    await expect(page.get_by_role("heading", name="Your account is deleted")).to_be_visible()
    await page.goto(f"{visitor.url}/chat/")
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()


@with_and_without
async def test_a_token_is_made_shown_once_and_revoked(stubbed: Stubbed, visit: Visit, javascript: bool):
    visitor = await arrive(visit, stubbed, javascript)
    page = visitor.page
    await page.goto(f"{visitor.url}/settings/tokens/")
    await page.get_by_label("Name").fill("my program")
    await page.get_by_role("button", name="Make the token").click()
    await expect(page.locator(".secret")).to_contain_text("parley_")
    await page.goto(f"{visitor.url}/settings/tokens/")
    await expect(page.locator(".secret")).to_have_count(0)
    await page.get_by_role("button", name="Revoke my program").click()
    await expect(page.get_by_text("There are no tokens yet.")).to_be_visible()


@with_and_without
async def test_another_browser_is_logged_out(stubbed: Stubbed, visit: Visit, javascript: bool):
    visitor = await arrive(visit, stubbed, javascript)
    other = await visit(stubbed.stack, java_script_enabled=javascript, viewport=DESK)
    await visitor.page.goto(f"{visitor.url}/settings/")
    name = await visitor.page.locator(".account-name").inner_text()
    await other.page.goto(f"{other.url}/accounts/login/")
    await other.page.get_by_label("Username").fill(name)
    await other.page.get_by_label("Password").fill(PASSWORD)
    await other.page.get_by_role("button", name="Log in").click()
    await expect(other.page).to_have_url(f"{other.url}/chat/")
    await visitor.page.goto(f"{visitor.url}/settings/log-ins/")
    await expect(visitor.page.locator(".settings-list > li")).to_have_count(2)
    await visitor.page.get_by_role("button", name="Log out everywhere else").click()
    await expect(visitor.page.locator(".settings-list > li")).to_have_count(1)
    await other.page.goto(f"{other.url}/chat/")
    await expect(other.page.get_by_role("heading", name="Log in")).to_be_visible()
