"""WCAG 2.2 AA: axe finds nothing on any page in any state, light and dark, on the smallest phone and on a desk, and no
page is wider than its window.

A new page or state gets its line in PAGES.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, FilePayload, Locator, Page, StorageState, ViewportSize, expect

from tests.browser.conftest import Stubbed, Visit
from tests.browser.visitor import Visitor
from tests.chat.transfer.samples import file_of, parley

pytestmark = pytest.mark.asyncio(loop_scope="session")

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": RULES}}
WINDOWS: tuple[ViewportSize, ...] = ({"width": 320, "height": 800}, {"width": 1280, "height": 800})
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

QUESTION = "Show me everything."
RICH = """\
# A heading

Text with `code`, **weight**, a [link](https://example.com/) and a footnote.[^1]

## Another

- [x] done
- [ ] to do

1. one
   - deeper

| Name | Value |
|:-----|------:|
| a | 1 |

```python
def greet(name: str = "you") -> None:  # a comment
    print(f"Hello, {name}!", 1.5, None)
```

> A quotation.

> [!WARNING]
> Careful.

$$E = mc^2$$

---

[^1]: The note.
"""


@dataclass(frozen=True)
class Scene:
    """What a state is made from: somebody logged in, who has the chat at `chat`, and the model."""

    visitor: Visitor
    stubbed: Stubbed
    chat: str

    @property
    def page(self) -> Page:
        return self.visitor.page

    async def open(self, path: str) -> None:
        await self.page.goto(self.visitor.url + path)

    async def ask_anew(self, question: str = QUESTION) -> None:
        """Ask in a new chat."""
        await self.open("/chat/")
        await self.visitor.ask(question)


Reach = Callable[[Scene], Awaitable[None]]


def at(path: str) -> Reach:
    """The page at the path; {chat} stands for that of the chat that is there."""

    async def reach(scene: Scene) -> None:
        await scene.open(path.format(chat=scene.chat))

    return reach


async def logged_out(scene: Scene) -> None:
    await scene.visitor.context.clear_cookies()


async def log_in_refused(scene: Scene) -> None:
    await logged_out(scene)
    await scene.open("/accounts/login/")
    await scene.page.get_by_label("Username").fill("nobody")
    await scene.page.get_by_label("Password").fill("wrong")
    await scene.page.get_by_role("button", name="Log in").click()
    await expect(scene.page.locator(".field-error")).to_be_visible()


async def sign_up_refused(scene: Scene) -> None:
    await logged_out(scene)
    await scene.open("/accounts/signup/")
    await scene.page.get_by_label("Username").fill("bad name!")
    await scene.page.get_by_label("Password", exact=True).fill("short")
    await scene.page.get_by_label("Password confirmation").fill("other")
    await scene.page.get_by_role("button", name="Sign up").click()
    await expect(scene.page.locator(".field-error").first).to_be_visible()


async def first_visit(scene: Scene) -> None:
    await logged_out(scene)
    await scene.visitor.sign_up()


async def no_chats(scene: Scene) -> None:
    await first_visit(scene)
    await scene.open("/chat/all/")


async def while_writing(scene: Scene) -> None:
    scene.stubbed.engine.behave(RICH + "More. " * 100, delay_s=0.03)
    await scene.ask_anew()
    await scene.visitor.until_writing()


async def while_thinking(scene: Scene) -> None:
    scene.stubbed.engine.behave(first_delay_s=15)
    await scene.ask_anew()
    await expect(scene.page.locator(".waiting")).to_be_visible()


async def waiting_for_a_turn(scene: Scene) -> None:
    await while_thinking(scene)
    await scene.visitor.ask("And then?")
    await expect(scene.page.locator(".waiting")).to_have_count(2)


async def streaming_itself(scene: Scene) -> None:
    """As without scripts; axe needs them to look."""
    scene.visitor.expect_complaint("ERR_FAILED")
    await scene.page.route("**/parley*.js", lambda route: route.abort())
    scene.stubbed.engine.behave(RICH + "More. " * 400, delay_s=0.03)
    await scene.open("/chat/")
    await scene.page.get_by_label("Message").fill(QUESTION)
    await scene.page.get_by_role("button", name="Send").click(no_wait_after=True)
    await expect(scene.visitor.answer.get_by_text("More. More.")).to_be_visible()


async def model_away(scene: Scene) -> None:
    scene.stubbed.engine.behaviour.refuse_with = 503
    await scene.ask_anew()
    await scene.visitor.until_finished("failed")


async def stopped(scene: Scene) -> None:
    await while_writing(scene)
    await scene.page.get_by_role("button", name="Stop").click()
    await scene.visitor.until_finished("stopped")


async def message_refused(scene: Scene) -> None:
    scene.visitor.expect_complaint("422")
    await scene.open(scene.chat)
    await scene.page.get_by_label("Message").fill("   ")
    await scene.page.get_by_role("button", name="Send").click()
    await expect(scene.page.locator("#query-error")).to_be_visible()


async def offline(scene: Scene) -> None:
    scene.visitor.expect_complaint("ERR_INTERNET_DISCONNECTED", "htmx:sendError", "htmx:afterRequest")
    await scene.open(scene.chat)
    await scene.visitor.context.set_offline(offline=True)
    await scene.page.get_by_label("Message").fill("Written on a train")
    await scene.page.get_by_role("button", name="Send").click()
    await expect(scene.page.locator("#notice")).to_contain_text("Parley cannot be reached")


async def renaming(scene: Scene) -> None:
    await scene.open(scene.chat)
    item = scene.page.locator(".session-item").first
    await item.locator("summary").press("Enter")
    await item.get_by_role("link", name="Rename").press("Enter")
    await expect(item.get_by_label("New name")).to_be_focused()


async def search_refused(scene: Scene) -> None:
    scene.visitor.expect_complaint("422")
    await scene.open(f"/chat/all/?q={'x' * 300}")
    await expect(scene.page.locator("#all .field-error")).to_be_visible()


async def found_in_the_list(scene: Scene) -> None:
    await scene.open(scene.chat)
    await scene.page.get_by_label("Search chats").fill("everything")
    await expect(scene.page.locator("#sessions mark").first).to_be_visible()


async def listed_in_groups(scene: Scene) -> None:
    """One chat pinned, one selected, one deleted a moment ago."""
    await first_visit(scene)
    for question in ("Apples?", "Pears?", "Plums?"):
        await scene.ask_anew(question)
        await scene.visitor.until_finished()
    await scene.open("/chat/all/")
    for title, action in (("Apples?", "Pin"), ("Pears?", "Delete")):
        await scene.page.get_by_label(f"Select {title}").check()
        await scene.page.get_by_role("main").get_by_role("button", name=action, exact=True).click()
        if action == "Pin":
            await expect(scene.page.get_by_role("heading", name="Pinned")).to_be_visible()
    await expect(scene.page.get_by_role("button", name="Undo")).to_be_visible()
    await scene.page.get_by_label("Select Plums?").check()


async def too_late_to_undo(scene: Scene) -> None:
    scene.visitor.expect_complaint("410")
    await listed_in_groups(scene)
    await scene.page.locator("[name=deleted]").evaluate("(field) => (field.value = '2020-01-01T00:00:00+00:00')")
    await scene.page.get_by_role("button", name="Undo").click()
    await expect(scene.page.get_by_text("kept for ten minutes")).to_be_visible()


async def two_versions(scene: Scene) -> None:
    """A chat whose one question has been asked twice."""
    await scene.ask_anew()
    await scene.visitor.until_finished()
    await scene.page.get_by_role("button", name="Try again").click()
    await expect(scene.page.locator(".variants")).to_be_visible()
    await scene.visitor.until_finished()


async def rated(scene: Scene) -> None:
    await two_versions(scene)
    await scene.page.get_by_role("button", name="Good answer").click()
    await scene.page.get_by_text("Add a comment").click()
    await scene.page.locator(".about > summary").click()
    await expect(scene.page.locator(".facts")).to_be_visible()


async def editing(scene: Scene) -> None:
    await scene.open(scene.chat)
    await scene.page.get_by_role("link", name="Edit").press("Enter")
    await expect(scene.page.get_by_label("Your question")).to_be_focused()


async def edit_refused(scene: Scene) -> None:
    scene.visitor.expect_complaint("422")
    await editing(scene)
    await scene.page.get_by_label("Your question").fill("  ")
    await scene.page.get_by_role("button", name="Ask", exact=True).click()
    await expect(scene.page.locator(".edit-question .field-error")).to_be_visible()


async def edit_page(scene: Scene) -> None:
    await scene.open(scene.chat)
    await scene.open(await scene.page.get_by_role("link", name="Edit").get_attribute("href") or "")
    await expect(scene.page.get_by_label("Your question")).to_be_visible()


async def earlier_turns(scene: Scene) -> None:
    await scene.ask_anew()
    await scene.visitor.until_finished()
    await scene.visitor.ask("And then?")
    last = await scene.page.locator(".turn").last.get_attribute("id") or ""
    await scene.page.goto(f"{scene.page.url}?before={last.removeprefix('turn-')}")
    await expect(scene.page.get_by_role("link", name="Show later")).to_be_visible()


async def menus_open(scene: Scene) -> None:
    await scene.open(scene.chat)
    await scene.page.locator("details").evaluate_all("(all) => all.forEach((one) => (one.open = true))")


async def link_made(scene: Scene) -> None:
    await scene.open(f"{scene.chat}share/")
    await scene.page.get_by_role("button", name="Make a link").click()
    await expect(scene.page.get_by_role("button", name="Revoke").first).to_be_visible()


async def shared(scene: Scene) -> None:
    await link_made(scene)
    await scene.page.locator("main a[href*='/s/']").first.click()
    await expect(scene.page.locator(".shared-foot")).to_be_visible()


async def in_arabic(scene: Scene) -> None:
    await scene.page.set_extra_http_headers({"Accept-Language": "ar"})
    await scene.open(scene.chat)
    await expect(scene.page.locator("html")).to_have_attribute("dir", "rtl")


async def not_found(scene: Scene) -> None:
    scene.visitor.expect_complaint("404")
    await scene.open("/nothing/")


async def form_expired(scene: Scene) -> None:
    scene.visitor.expect_complaint("403")
    await logged_out(scene)
    await scene.open("/accounts/login/")
    await scene.visitor.context.clear_cookies()
    await scene.page.get_by_label("Username").fill("somebody")
    await scene.page.get_by_label("Password").fill("something")
    await scene.page.get_by_role("button", name="Log in").click()
    await expect(scene.page.get_by_role("heading", name="This form has expired")).to_be_visible()


async def deleted(scene: Scene) -> None:
    await scene.ask_anew("To be deleted")
    await scene.visitor.until_finished()
    await scene.open("/chat/all/")
    await scene.page.get_by_role("checkbox").first.check()
    await scene.page.get_by_role("main").get_by_role("button", name="Delete").click()
    await expect(scene.page.get_by_role("button", name="Undo")).to_be_visible()


async def list_of_shortcuts(scene: Scene) -> None:
    await scene.open(scene.chat)
    await scene.page.get_by_role("button", name="Keyboard shortcuts").click()
    await expect(scene.page.get_by_role("dialog")).to_be_visible()


async def imported(scene: Scene) -> None:
    await _import(scene, file_of(parley(), parley(title="broken", interactions=5)))
    await expect(scene.page.locator(".message")).to_have_count(2)


async def import_refused(scene: Scene) -> None:
    scene.visitor.expect_complaint("422")
    await _import(scene, b"no chats")
    await expect(scene.page.locator(".field-error")).to_be_visible()


async def _import(scene: Scene, content: bytes) -> None:
    await scene.open("/chat/import/")
    file: FilePayload = {"name": "chats.json", "mimeType": "application/json", "buffer": content}
    await scene.page.get_by_label("File").set_input_files(file)
    await scene.page.get_by_role("button", name="Import", exact=True).click()


PAGES: dict[str, Reach] = {
    "log in, refused": log_in_refused,
    "sign up, refused": sign_up_refused,
    "first visit": first_visit,
    "no chats": no_chats,
    "new chat": at("/chat/"),
    "chat": at("{chat}"),
    "writing": while_writing,
    "streaming itself": streaming_itself,
    "thinking": while_thinking,
    "waiting for a turn": waiting_for_a_turn,
    "model away": model_away,
    "stopped": stopped,
    "message refused": message_refused,
    "offline": offline,
    "renaming in place": renaming,
    "rated, details open": rated,
    "editing in place": editing,
    "edited text refused": edit_refused,
    "edit": edit_page,
    "earlier turns": earlier_turns,
    "menus open": menus_open,
    "list of shortcuts": list_of_shortcuts,
    "all chats": at("/chat/all/"),
    "found": at("/chat/all/?q=everything"),
    "nothing found": at("/chat/all/?q=xyzxyz"),
    "archive": at("/chat/all/?archived"),
    "deleted": deleted,
    "chats in groups": listed_in_groups,
    "too late to undo": too_late_to_undo,
    "search refused": search_refused,
    "found in the list": found_in_the_list,
    "import and export": at("/chat/import/"),
    "imported": imported,
    "import refused": import_refused,
    "rename": at("{chat}rename/"),
    "delete": at("{chat}delete/"),
    "settings": at("/settings/"),
    "settings of the model": at("/settings/model/"),
    "presets": at("/settings/presets/"),
    "a preset": at("/settings/presets/new/"),
    "account": at("/settings/account/"),
    "deleting the account": at("/settings/account/delete/"),
    "log-ins": at("/settings/log-ins/"),
    "API tokens": at("/settings/tokens/"),
    "settings of a chat": at("{chat}settings/"),
    "importing": at("/chat/import/"),
    "sharing": link_made,
    "shared": shared,
    "chat, right to left": in_arabic,
    "not found": not_found,
    "form expired": form_expired,
}


@dataclass(frozen=True)
class Known:
    """An account with one chat."""

    state: StorageState
    chat: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def known(_second_stack: Stubbed, browser: Browser) -> Known:
    _second_stack.engine.behave(RICH)
    context = await browser.new_context()
    visitor = Visitor(_second_stack.stack.url, context)
    await visitor.arrive()
    await visitor.sign_up()
    await visitor.ask(QUESTION)
    await visitor.until_finished()
    found = Known(await context.storage_state(), visitor.page.url.removeprefix(visitor.url))
    await context.close()
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def scene(stubbed: Stubbed, visit: Visit, known: Known) -> Scene:
    visitor = await visit(stubbed.stack, storage_state=known.state, reduced_motion="reduce")
    return Scene(visitor, stubbed, known.chat)


@pytest.mark.parametrize("name", PAGES)
async def test_axe_finds_nothing(name: str, scene: Scene):
    await PAGES[name](scene)
    found = []
    for window in WINDOWS:
        await scene.page.set_viewport_size(window)
        if (over := await scene.visitor.width_left_over()) > 0:
            found.append(f"{window['width']} px: the page is {over} px wider")
        for scheme in SCHEMES:
            await scene.page.emulate_media(color_scheme=scheme)
            found += [f"{window['width']} px, {scheme}: {one}" for one in await violations(scene.page)]
    assert not found, "\n".join(found)


async def violations(page: Page) -> list[str]:
    """What axe finds on the page as it stands: the rule, the element, and what to do."""
    result = (await Axe().run(page, options=OPTIONS)).response
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


async def test_nothing_moves_for_whoever_wants_less_motion(scene: Scene):
    await while_thinking(scene)
    running = "document.getAnimations().filter((one) => one.playState === 'running').length"
    assert await scene.page.evaluate(running) == 0
    await scene.page.emulate_media(reduced_motion="no-preference")
    assert await scene.page.evaluate(running) > 0, "there is nothing that could have moved"


async def test_forced_colours_lose_nothing(scene: Scene):
    """Backgrounds and shadows are gone then: what they say must be said by lines as well."""
    await scene.open(scene.chat)
    await scene.page.emulate_media(forced_colors="active")
    field = scene.page.get_by_label("Message")
    await field.focus()
    assert await style(field, "outlineStyle") == "solid"
    assert await style(scene.page.locator(".session-link[aria-current]"), "borderInlineStartWidth") == "4px"
    for outlined in (".send", ".composer", ".code"):
        assert await style(scene.page.locator(outlined).first, "borderTopStyle") == "solid"


async def style(element: Locator, name: str) -> str:
    return str(await element.evaluate("(one, name) => getComputedStyle(one)[name]", name))
