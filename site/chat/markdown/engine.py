"""comrak (GitHub-flavoured Markdown in Rust) with this site's options and bounds."""

import re

import comrak

# comrak and what follows it take well under 100 ms for the worst text of this many characters
MAX_SOURCE = 64_000
_MAX_LATEX_OPENERS = 2_000
_FREE_CELLS = 2_000
_MAX_GROWTH = 40

# C0 controls and DEL are drawn as U+FFFD; one character each, so that offsets stay
_CONTROLS = {code: "\ufffd" for code in [*range(0x20), 0x7F] if code not in (0x09, 0x0A, 0x0D)}
# comrak drops a byte order mark where its input begins, so at some cuts; U+2060 looks the same
_CONTROLS[0xFEFF] = "\u2060"
_SURROGATES = re.compile("[\ud800-\udfff]")
# quotes and lists opened on one line, deeper than any reader follows: comrak's time on them is quadratic
_DEEP = re.compile(r"^(?:[ \t]*(?:>|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t]))){40}", re.MULTILINE)
_DELIMITER_ROW = re.compile(r"^[ \t>|:-]*-[ \t>|:-]*$", re.MULTILINE)

_EXTENSIONS = ("strikethrough", "autolink", "tasklist", "footnotes", "math_dollars", "math_code", "alerts")


class UnrenderableError(Exception):
    """The source is over a bound, or comrak failed: show it as it was written."""


def legible(text: str) -> str:
    """`text` with U+FFFD for every character that no document may hold. Same length."""
    return _SURROGATES.sub("\ufffd", text.translate(_CONTROLS))


def to_html(source: str, *, positions: bool = False) -> str:
    """comrak's HTML for `source` (as `legible` left it), raw HTML escaped; not yet sanitised.

    `positions` adds `data-sourcepos="line:column-line:column"`, all from 1, to block elements.
    Raises `UnrenderableError`.
    """
    if len(source) > MAX_SOURCE or _DEEP.search(source):
        raise UnrenderableError
    extensions, parse, render = _options(source, positions=positions)
    try:
        html = comrak.render_markdown(source, extensions, parse, render)
    except BaseException as error:  # a Rust panic derives from BaseException only
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise UnrenderableError from error
    if not positions and len(html) > _MAX_GROWTH * len(source) + 10_000:
        raise UnrenderableError
    return html


def _options(
    source: str, *, positions: bool
) -> tuple[comrak.ExtensionOptions, comrak.ParseOptions, comrak.RenderOptions]:
    extensions = comrak.ExtensionOptions()
    for name in _EXTENSIONS:
        setattr(extensions, name, True)
    extensions.table = _cells(source) <= max(_FREE_CELLS, 2 * len(source))
    # each \( that is never closed is looked for to the end of the text
    extensions.math_latex = source.count("\\(") + source.count("\\[") <= _MAX_LATEX_OPENERS
    parse = comrak.ParseOptions()
    parse.leave_footnote_definitions = True
    render = comrak.RenderOptions()
    render.escape = True
    render.tasklist_classes = True
    render.sourcepos = positions
    return extensions, parse, render


def _cells(source: str) -> int:
    """How many cells the widest table in `source` may get: comrak fills every row up to its width."""
    columns = max((row.count("|") + 1 for row in _DELIMITER_ROW.findall(source)), default=0)
    return columns * (source.count("\n") + source.count("\r") + 1)
