"""Takes the README's pictures of the main states: `make screenshots` writes PNGs to docs/images/.

It starts Parley on a folder of its own, with a stand-in for the model that gives the answers below, so that the
pictures are the same every time.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "site")]

from playwright.async_api import Browser, async_playwright, expect  # noqa: E402 - the path comes first

from tests.browser.engine import Engine  # noqa: E402
from tests.browser.visitor import Visitor, launch  # noqa: E402
from tests.support.stack import running_stack  # noqa: E402

PICTURES = REPOSITORY / "docs" / "images"
WIDE = {"width": 1200, "height": 750}
PHONE = {"width": 390, "height": 750}
MOST_BYTES = 200_000
MOST_BYTES_IN_ALL = 1_500_000

EARLIER = {
    "Plan a weekend in Lisbon": "On Saturday take tram 28 up to the castle; on Sunday go by train to Sintra. Both days "
    "begin with a warm custard tart.",
    "What does EXPLAIN ANALYZE tell me?": "It runs the statement and shows each step's time and rows. Warm the cache "
    "first: a second run tells more.",
    "Names for a small grey cat": "Smoke, Pebble, or Mist. If she likes warm places: Ember.",
}
SHORT = "Begin with **100 g of starter** at room temperature, and give it the time it wants."
QUESTION = "How do I start a sourdough, and why does warmth matter?"
ANSWER = """\
Mix rye flour and water, keep it warm, and **feed it every day**. Wild yeast is on the grain already.

| Day | Flour | Water | What you see |
|----:|------:|------:|:-------------|
| 1 | 50 g | 50 g | nothing yet |
| 3 | 50 g | 50 g | the first bubbles |
| 5 | 50 g | 50 g | doubles within 8 hours |

It grows exponentially, $N(t) = N_0 e^{kt}$, and $k$ rises steeply with the temperature:

```python
def hours_until_doubled(celsius: float) -> float:
    \"\"\"About 8 hours at 20 °C; half of that for every 10 °C more.\"\"\"
    return 8 * 0.5 ** ((celsius - 20) / 10)
```

Once it doubles two days in a row, bake with it.
"""
ARABIC_QUESTION = "كيف أحضّر خميرة طبيعية للخبز؟"
ARABIC = """\
اخلط **دقيق الجاودار** بالماء واتركه في مكان دافئ، وأطعمه كل يوم.

| اليوم | الدقيق | الماء |
|---|---|---|
| 1 | 50 غ | 50 غ |
| 3 | 50 غ | 50 غ |

1. حافظ على الدفء.
2. انتظر حتى يتضاعف الحجم.
"""


async def main() -> None:
    """Start everything, take every picture, stop everything."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    engine = Engine()
    await engine.arrive()
    with tempfile.TemporaryDirectory(prefix="parley-pictures-") as folder:
        starting = running_stack(Path(folder) / "data", TGI_URL=engine.url)
        stack = await asyncio.to_thread(starting.__enter__)
        try:
            async with async_playwright() as playwright:
                await take_all(await launch(playwright), stack.url, engine)
        finally:
            await asyncio.to_thread(starting.__exit__, None, None, None)
            await engine.go_away()
    size = sum(file.stat().st_size for file in PICTURES.glob("*.png"))
    if size > MOST_BYTES_IN_ALL:
        raise SystemExit(f"The pictures have {size} bytes in all; they may have {MOST_BYTES_IN_ALL}.")


async def take_all(browser: Browser, url: str, engine: Engine) -> None:
    visitor = await arrive(browser, url, viewport=WIDE, color_scheme="light")
    await visitor.sign_up("ada")
    await take(visitor, "empty")
    await take_chat(visitor, engine)
    chat = visitor.page.url
    await take_lists(visitor, chat)
    state = await visitor.context.storage_state()
    phone = await arrive(browser, url, viewport=PHONE, color_scheme="light", storage_state=state)
    await take_on_phone(phone, engine, chat)
    arabic = await arrive(browser, url, viewport=PHONE, color_scheme="light", storage_state=state, locale="ar")
    await take_arabic(arabic, engine)


async def take_chat(visitor: Visitor, engine: Engine) -> None:
    """One answer: being written, finished, by night, and asked for a second time."""
    for question, answer in EARLIER.items():
        engine.behave(answer)
        await ask_anew(visitor, question)
        await visitor.until_finished()
    engine.behave(ANSWER, delay_s=0.05)
    await ask_anew(visitor, QUESTION)
    await expect(visitor.answer).to_contain_text("It grows")
    await take(visitor, "streaming")
    await visitor.until_finished()
    await take(visitor, "chat")
    await visitor.page.emulate_media(color_scheme="dark")
    await take(visitor, "chat-dark")
    await visitor.page.emulate_media(color_scheme="light")

    engine.behave(SHORT, delay_s=0.05)
    await visitor.page.locator(".regenerate").click()
    await expect(visitor.page.locator(".variants")).to_be_visible()
    await visitor.until_finished()
    await visitor.page.locator(".about > summary").last.click()
    await take(visitor, "versions")


async def take_lists(visitor: Visitor, chat: str) -> None:
    """What was searched for, and settings."""
    await visitor.page.goto(f"{visitor.url}/chat/all/?q=warm")
    await take(visitor, "search")
    await visitor.page.emulate_media(color_scheme="dark")
    await visitor.page.goto(f"{chat}settings/")
    await take(visitor, "settings")
    await visitor.page.emulate_media(color_scheme="light")


async def take_on_phone(phone: Visitor, engine: Engine, chat: str) -> None:
    """An answer, the list of chats by night, and waiting in line."""
    await phone.page.goto(chat)
    await phone.page.get_by_role("link", name="Previous version").click()
    await expect(phone.page.locator(".variants .place")).to_have_text("1/2")
    await phone.page.locator("#thread").evaluate("(thread) => thread.scrollTo(0, 0)")
    await take(phone, "phone")
    await phone.page.emulate_media(color_scheme="dark")
    await phone.page.locator(".menu > summary").click()
    await take(phone, "phone-dark")
    await phone.page.emulate_media(color_scheme="light")

    engine.behaviour.refuse_with = 429
    await ask_anew(phone, QUESTION)
    await expect(phone.page.locator(".waiting")).to_contain_text("busy")
    await take(phone, "waiting")
    engine.behave(SHORT)
    await phone.until_finished()


async def take_arabic(visitor: Visitor, engine: Engine) -> None:
    """Everything from right to left."""
    engine.behave(ARABIC)
    await visitor.page.goto(f"{visitor.url}/chat/")
    await visitor.page.locator("#query").fill(ARABIC_QUESTION)
    await visitor.page.locator(".send").click()
    await visitor.until_finished()
    await take(visitor, "arabic")


async def ask_anew(visitor: Visitor, question: str) -> None:
    await visitor.page.goto(f"{visitor.url}/chat/")
    await visitor.ask(question)


async def arrive(browser: Browser, url: str, **options: object) -> Visitor:
    visitor = Visitor(url, await browser.new_context(**options))  # type: ignore[arg-type]  # checked by Playwright
    await visitor.arrive()
    return visitor


async def take(visitor: Visitor, name: str) -> None:
    file = PICTURES / f"{name}.png"
    await visitor.page.screenshot(path=file, animations="disabled")
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{file} has {size} bytes; a picture in the README may have {MOST_BYTES}.")


if __name__ == "__main__":
    asyncio.run(main())
