"""LaTeX to MathML. What cannot be converted is shown as it was written."""

import html
import re
from functools import lru_cache
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element

_MAX_LATEX = 2_000
_MAX_DEPTH = 60
# written by models all the time and unknown to latex2mathml, which has these
_ENVIRONMENTS = re.compile(r"\\(begin|end)\{(?:aligned|alignedat|align|gathered|gather|split|equation)\*?\}")

TAGS = frozenset(
    [
        "math", "menclose", "mfrac", "mi", "mn", "mo", "mover", "mpadded", "mphantom", "mroot", "mrow",
        "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder",
        "munderover",
    ]
)  # fmt: skip
ATTRIBUTES = frozenset(
    [
        "accent", "accentunder", "columnalign", "columnlines", "columnspacing", "depth", "display",
        "displaystyle", "fence", "form", "height", "largeop", "linethickness", "lspace", "mathcolor",
        "mathsize", "mathvariant", "maxsize", "minsize", "movablelimits", "notation", "rowlines",
        "rowspacing", "rspace", "scriptlevel", "separator", "stretchy", "symmetric", "voffset", "width",
    ]
)  # fmt: skip


class _BadLatexError(Exception):
    pass


@lru_cache(maxsize=1024)
def to_html(latex: str, *, display: bool) -> str:
    """HTML for the formula `latex` (plain text, not escaped): MathML, or its source in `<code>`."""
    style = "display" if display else "inline"
    try:
        body = _convert(latex, display=display)
    except Exception:  # latex2mathml raises a dozen kinds, RecursionError and IndexError among them
        body = f'<code class="math-source">{html.escape(latex.strip())}</code>'
    return f'<span class="math math-{style}">{body}</span>'


def _convert(latex: str, *, display: bool) -> str:
    if len(latex) > _MAX_LATEX:
        raise _BadLatexError
    latex = _ENVIRONMENTS.sub(r"\\\1{align*}", latex)
    element = convert_to_element(latex, display="block" if display else "inline")
    return _serialise(element, 0)


def _serialise(element: Element, depth: int) -> str:
    """MathML as text. latex2mathml's own serialiser does not escape, so this one does."""
    if depth > _MAX_DEPTH or element.tag not in TAGS:
        raise _BadLatexError
    # latex2mathml gives symbols as character references, and a command that it does not know as its name
    text = html.unescape(element.text or "")
    if re.match(r"\\[A-Za-z]", text) and element.tag != "mtext":
        raise _BadLatexError
    # the sanitiser knows which attributes may stay
    attributes = "".join(f' {name}="{html.escape(value)}"' for name, value in element.attrib.items())
    children = "".join(_serialise(child, depth + 1) for child in element)
    return f"<{element.tag}{attributes}>{html.escape(text)}{children}</{element.tag}>"
