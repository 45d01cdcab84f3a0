"""Whatever a model writes: it runs no script, and it never makes the page wider than a phone."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stubbed, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"width": 360, "height": 740}

HOSTILE = """\
<script>window.__pwned = 1</script> <img src=x onerror="window.__pwned = 1">

<svg onload="window.__pwned = 1"></svg><iframe srcdoc="<script>parent.__pwned = 1</script>"></iframe>

[click](javascript:window.__pwned=1) ![look](https://example.com/spy.png) <a href="data:text/html,x">x</a>

<style>body { display: none }</style><div style="position:fixed" hx-get="/chat/" hx-trigger="load">over</div>

<form action="https://example.com"><button autofocus onfocus="window.__pwned = 1">b</button></form>

```html
<script>window.__pwned = 1</script>
```

$$\\href{javascript:window.__pwned=1}{x}$$
"""

WIDE = f"""\
{"Donaudampfschifffahrtsgesellschaft" * 12}

https://example.com/{"a" * 300}

## {"Überschrift" * 20}

| {" | ".join(f"column-{number}" for number in range(20))} |
|{"---|" * 20}
| {" | ".join("unbreakable" * 3 for _ in range(20))} |

$$x = {" + ".join(f"a_{{{number}}}^2" for number in range(60))}$$

Inline ${" + ".join(f"b_{{{number}}}" for number in range(60))}$ and `{"code" * 100}`.

- {"1. " * 12}deep {"word" * 60}

> > > > > {"quoted" * 60}

```python
x = "{"long line " * 60}"
```

שלום עולם, זהו טקסט מימין לשמאל עם מילה ארוכה {"א" * 120}
"""


async def test_hostile_markdown_is_not_executed(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave(HOSTILE, delay_s=0.005)
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await visitor.ask(HOSTILE)
    await visitor.until_finished()
    for _ in range(2):
        assert await visitor.page.evaluate("window.__pwned") is None
        assert (
            await visitor.answer.locator("script, img, svg:not(.icon), iframe, style, form:not(.again, .rate)").count()
            == 0
        )
        await expect(visitor.answer).to_contain_text("<script>window.__pwned = 1</script>")
        await visitor.page.reload()


async def test_nothing_widens_a_phone_s_page(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave(WIDE, delay_s=0.005)
    visitor = await visit(stubbed.stack, viewport=PHONE, has_touch=True, is_mobile=True)
    await visitor.sign_up()
    assert await visitor.width_left_over() <= 0
    await visitor.ask("x" * 400)
    await visitor.until_writing()
    while await visitor.page.locator(".answer.running").count():
        assert await visitor.width_left_over() <= 0
    await visitor.until_finished()
    assert await visitor.page.locator("#thread").evaluate("(one) => one.scrollWidth - one.clientWidth") <= 0
    for path in ("", "rename/", "delete/", "../all/"):
        await visitor.page.goto(visitor.page.url.partition("rename")[0].partition("delete")[0] + path)
        assert await visitor.width_left_over() <= 0, path


async def test_right_to_left_text_runs_from_the_right(stubbed: Stubbed, visit: Visit):
    stubbed.engine.behave("مرحبا بالعالم\n\nHello, world.")
    visitor = await visit(stubbed.stack)
    await visitor.sign_up()
    await visitor.ask("قل مرحبا")
    await visitor.until_finished()
    directions = "(paragraphs) => paragraphs.map((one) => getComputedStyle(one).direction)"
    assert await visitor.answer.locator(".blocks > p").evaluate_all(directions) == ["rtl", "ltr"]
    assert await visitor.page.locator(".question-text").evaluate_all(directions) == ["rtl"]
