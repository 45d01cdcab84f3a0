"""comrak's HTML to the page's: classes for alignment, code heads, scrollable tables, MathML, safe links.

comrak escaped all raw HTML and writes well-formed elements: a tokeniser and a stack are enough to read it.
"""

import re
from html import escape, unescape
from urllib.parse import unquote

from . import codeblocks, maths
from .engine import UnrenderableError

_MAX_DEPTH = 100
_MAX_LATEX = 16_000  # characters of a block; converting them takes about 0.15 s
_TOKEN = re.compile(
    r"<pre><code(?P<code_attrs>[^>]*)>(?P<code>[^<]*)</code></pre>"
    r'|<(?P<maths_tag>span|code) data-math-style="(?P<style>\w+)">(?P<maths>[^<]*)</(?P=maths_tag)>'
    r"|<code>(?P<verbatim>[^<]*)</code>"
    r'|<sup class="footnote-ref"><a href="#fn-(?P<reference>[^"]*)"[^>]*>[^<]*</a></sup>'
    r'|(?P<back> ?<a href="#fnref-[^>]*>.*?</a>)'
    r'|(?P<notes><section class="footnotes"[^>]*>\s*<ol>\n?|</ol>\s*</section>\n?)'
    r"|<(?P<close>/?)(?P<tag>[a-z][a-z0-9]*)(?P<attrs>[^>]*)>"
)
_ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')
_LANGUAGE = re.compile(r'class="language-([^"]*)"')
_SAFE_ADDRESS = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
# A note may be defined in a later block, so its number is enough. A word is not: [^abc] is also a regular
# expression.
_NOTE_NUMBER = re.compile(r"\[\^(\d{1,4})\]")
_BREAK = re.compile(r"&lt;br ?/?&gt;", re.IGNORECASE)
_CHECKBOX_BEFORE_PARAGRAPH = re.compile(r'(<input type="checkbox"[^>]*>) \n<p>')
_TABLE_HEAD = re.compile(r"\s*<thead>(.*?)</thead>", re.DOTALL)
_MAX_TABLE_NAME = 80


def rewrite(html: str, *, prefix: str, highlight: bool) -> str:
    """The page's HTML for comrak's `html`, yet to be sanitised. `prefix` begins every id.

    Raises `UnrenderableError` where elements are nested deeper than 100.
    """
    return _Rewriter(prefix, highlight=highlight).rewrite(html)


class _Rewriter:
    def __init__(self, prefix: str, *, highlight: bool) -> None:
        self._prefix = prefix
        self._highlight = highlight
        self._out: list[str] = []
        self._closers: list[str] = []
        self._links = 0
        self._latex_left = _MAX_LATEX

    def rewrite(self, html: str) -> str:
        html = _CHECKBOX_BEFORE_PARAGRAPH.sub(r"<p>\1 ", html)
        position = 0
        for token in _TOKEN.finditer(html):
            self._text(html[position : token.start()])
            position = token.end()
            self._token(token)
        self._text(html[position:])
        return "".join(self._out)

    def _token(self, token: re.Match[str]) -> None:
        if token["tag"]:
            self._tag(token)
        elif token["code"] is not None:
            self._code(token["code_attrs"], unescape(token["code"]))
        elif token["maths"] is not None:
            self._out.append(self._maths(token["maths"], display=token["style"] == "display"))
        elif token["verbatim"] is not None:
            self._out.append(f"<code>{token['verbatim']}</code>")
        elif token["reference"] is not None:
            self._out.append(self._reference(unquote(unescape(token["reference"]))))
        # What is left is dropped. Notes stay where they are written, so they need no list of their own, and a
        # block does not know how often the others refer to its notes, so they need no way back.

    def _text(self, text: str) -> None:
        if not text.strip():
            self._out.append(text)
            return
        if "&lt;" in text:
            text = _BREAK.sub("<br>", text)
        if not self._closers:
            # a block of raw HTML, which comrak escaped and left without an element
            before = "\n" if text.startswith("\n") else ""
            text = f'{before}<p class="raw-html" dir="auto">{text.strip()}</p>\n'
        elif "[^" in text and not self._links:
            text = _NOTE_NUMBER.sub(lambda match: self._reference(match[1]), text)
        self._out.append(text)

    def _code(self, attributes: str, code: str) -> None:
        language = _LANGUAGE.search(attributes)
        name = unescape(language[1]) if language else ""
        if name == "math":
            self._out.append(f"<p{self._direction()}>{self._maths(escape(code), display=True)}</p>")
        else:
            self._out.append(codeblocks.to_html(code, name, highlight=self._highlight))

    def _maths(self, escaped: str, *, display: bool) -> str:
        self._latex_left -= len(escaped)
        if self._latex_left < 0:
            return f'<code class="math-source">{escaped}</code>'
        return maths.to_html(unescape(escaped), display=display)

    def _tag(self, token: re.Match[str]) -> None:
        name = token["tag"]
        if token["close"]:
            self._links -= name == "a"
            self._out.append(self._closers.pop())
            return
        attributes = dict(_ATTRIBUTE.findall(token["attrs"]))
        if name in _VOID:
            self._out.append(_VOID[name](self, attributes))
            return
        if name == "table":
            attributes["name"] = _table_name(token)
        opening, closing = _ELEMENTS.get(name, _Rewriter._plain)(self, name, attributes)
        self._out.append(opening)
        self._closers.append(closing)
        if len(self._closers) > _MAX_DEPTH:
            raise UnrenderableError

    def _direction(self) -> str:
        """For the outermost elements: a list's direction is found in its items only if they have none."""
        return "" if self._closers else ' dir="auto"'

    def _reference(self, label: str) -> str:
        return f'<sup class="footnote-ref"><a href="#{self._note_id(label)}">{escape(label)}</a></sup>'

    def _note_id(self, label: str) -> str:
        return escape(f"{self._prefix}fn-{re.sub(r'[^0-9A-Za-z_-]', '_', label)}")

    def _checkbox(self, attributes: dict[str, str]) -> str:
        label, state = ("Done", " checked") if "checked" in attributes else ("Not done", "")
        return f'<input type="checkbox" class="task-checkbox" disabled{state} aria-label="{label}">'

    def _image(self, attributes: dict[str, str]) -> str:
        """A link: loading the image would tell its server who reads, and what the address spells."""
        source, alt = attributes.get("src", ""), attributes.get("alt", "").strip() or "image"
        if self._links or not _SAFE_ADDRESS.match(unescape(source)):
            return alt
        return f'<a class="image-link" href="{source}" target="_blank">{alt}</a>'

    def _plain(self, tag: str, attributes: dict[str, str]) -> tuple[str, str]:
        start = f' start="{attributes["start"]}"' if "start" in attributes else ""
        return f"<{tag}{start}{self._direction()}>", f"</{tag}>"

    def _heading(self, tag: str, _attributes: dict[str, str]) -> tuple[str, str]:
        level = min(int(tag[1]) + 2, 6)  # the page has its own h1 and h2
        return f"<h{level}{self._direction()}>", f"</h{level}>"

    def _link(self, _tag: str, attributes: dict[str, str]) -> tuple[str, str]:
        self._links += 1
        address = attributes.get("href", "")
        if not _SAFE_ADDRESS.match(unescape(address)):
            return "", ""
        title = f' title="{attributes["title"]}"' if "title" in attributes else ""
        return f'<a href="{address}"{title} target="_blank">', "</a>"

    def _item(self, _tag: str, attributes: dict[str, str]) -> tuple[str, str]:
        if "id" not in attributes:
            return ('<li class="task">' if "class" in attributes else "<li>"), "</li>"
        label = unquote(unescape(attributes["id"])).removeprefix("fn-")
        attributes_html = f'class="footnote" role="note" id="{self._note_id(label)}"{self._direction()}'
        return f'<div {attributes_html}><span class="footnote-label">{escape(label)}</span>', "</div>"

    def _table(self, _tag: str, attributes: dict[str, str]) -> tuple[str, str]:
        region = f'tabindex="0" role="region" aria-label="{attributes["name"]}"'
        return f'<div class="table-scroll" {region}{self._direction()}><table>', "</table></div>"

    def _cell(self, tag: str, attributes: dict[str, str]) -> tuple[str, str]:
        side = attributes.get("align")
        return (f'<{tag} class="align-{side}">' if side else f"<{tag}>"), f"</{tag}>"

    def _alert(self, _tag: str, attributes: dict[str, str]) -> tuple[str, str]:
        classes = attributes.get("class", "").replace("markdown-alert", "alert")
        return f'<div class="{classes}" role="note"{self._direction()}>', "</div>"

    def _paragraph(self, _tag: str, attributes: dict[str, str]) -> tuple[str, str]:
        title = ' class="alert-title"' if "class" in attributes else ""
        return f"<p{title}{self._direction()}>", "</p>"


def _table_name(token: re.Match[str]) -> str:
    """What a screen reader says for a table: "Table:" and its column heads. Escaped."""
    head = _TABLE_HEAD.match(token.string, token.end())
    columns = re.findall(r"<th[^>]*>(.*?)</th>", head[1]) if head else []
    names = (unescape(re.sub(r"<[^>]*>", "", column)).strip() for column in columns)
    return escape(f"Table: {', '.join(filter(None, names))}"[:_MAX_TABLE_NAME])


_VOID = {
    "br": lambda _self, _attributes: "<br>",
    "hr": lambda _self, _attributes: "<hr>",
    "img": _Rewriter._image,
    "input": _Rewriter._checkbox,
}
_ELEMENTS = {
    "a": _Rewriter._link,
    "div": _Rewriter._alert,
    **{f"h{level}": _Rewriter._heading for level in range(1, 7)},
    "li": _Rewriter._item,
    "p": _Rewriter._paragraph,
    "table": _Rewriter._table,
    "td": _Rewriter._cell,
    "th": _Rewriter._cell,
}
