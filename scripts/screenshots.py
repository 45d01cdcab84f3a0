"""Takes the README's pictures: `.venv/bin/python -m scripts.screenshots` writes PNGs to docs/images/.

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

EARLIER = ("Plan a weekend in Lisbon", "What does EXPLAIN ANALYZE tell me?", "Names for a small grey cat")
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


async def take_all(browser: Browser, url: str, engine: Engine) -> None:
    visitor = await arrive(browser, url, viewport=WIDE, color_scheme="light")
    await visitor.sign_up("ada")
    for question in EARLIER:
        await visitor.page.goto(f"{url}/chat/")
        await visitor.ask(question)
        await visitor.until_finished()
    await visitor.page.goto(f"{url}/chat/")
    await take(visitor, "empty")

    engine.behave(ANSWER, delay_s=0.05)
    await visitor.ask(QUESTION)
    await expect(visitor.answer).to_contain_text("It grows")
    await take(visitor, "streaming")
    await visitor.until_finished()
    await take(visitor, "chat")
    await visitor.page.emulate_media(color_scheme="dark")
    await take(visitor, "chat-dark")

    phone = await arrive(
        browser, url, viewport=PHONE, color_scheme="light", storage_state=await visitor.context.storage_state()
    )
    await phone.page.goto(visitor.page.url)
    await take(phone, "phone")


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
