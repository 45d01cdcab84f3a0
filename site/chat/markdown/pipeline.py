"""One block's way from source to safe HTML: comrak, the rewriting, the sanitiser."""

import html

from django.utils.safestring import SafeString

from . import engine
from .references import References
from .rewrite import rewrite
from .sanitise import sanitise


def to_html(source: str, references: References, *, prefix: str, highlight: bool) -> SafeString:
    """Safe HTML for `source` taken as a document of its own, "" where it shows nothing. Never raises.

    `highlight` colours code. Source that is over a bound is shown as it was written.
    """
    source = engine.legible(source)
    if not source.strip():
        return SafeString("")
    try:
        rendered = engine.to_html(references.put_before(source))
        page_html = rewrite(rendered, prefix=prefix, highlight=highlight)
    except engine.UnrenderableError:
        page_html = f'<pre class="plain" tabindex="0" dir="auto">{html.escape(source)}</pre>\n'
    return SafeString(sanitise(page_html))
