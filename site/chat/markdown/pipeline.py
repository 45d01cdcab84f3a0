"""One block's way from source to safe HTML: comrak, the rewriting, the sanitiser."""

import html

from django.utils.safestring import SafeString

from . import engine
from .references import References
from .rewrite import rewrite
from .sanitise import sanitise


def to_html(source: str, references: References, *, prefix: str, is_final: bool) -> SafeString:
    """Safe HTML for `source` taken as a document of its own, "" where it shows nothing. Never raises.

    `is_final`: nothing more comes, so its code is coloured. Source that is over a bound is shown as it was written.
    """
    try:
        return try_html(source, references, prefix=prefix, is_final=is_final)
    except engine.UnrenderableError:
        text = html.escape(engine.legible(source))
        return SafeString(sanitise(f'<pre class="plain" tabindex="0" dir="auto">{text}</pre>\n'))


def try_html(source: str, references: References, *, prefix: str, is_final: bool) -> SafeString:
    """The same, for source that is within the bounds.

    Raises `UnrenderableError`.
    """
    source = engine.legible(source)
    if not source.strip():
        return SafeString("")
    rendered = references.to_html(source, is_final=is_final)
    return SafeString(sanitise(rewrite(rendered, prefix=prefix, highlight=is_final)))
