"""Where a growing Markdown text can be cut for good: before a cut, nothing that comes later changes anything.

Markdown's block structure is decided line by line, so a line that begins a new top-level block closes what is
above it. comrak says which line does; cheap tests on the line say when asking is worth its time.
"""

import re

from . import engine

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_FENCE = re.compile(r" {0,3}(?:(`{3,})[^`\r\n]*|(~{3,})[^\r\n]*)[\r\n]*\Z")
_HEADING = re.compile(r"#{1,6}(?:[ \t]|[\r\n]|\Z)")
_RULE = re.compile(r"(?:(?:-[ \t]*){3,}|(?:_[ \t]*){3,}|(?:\*[ \t]*){3,})[\r\n]*\Z")
_MARKER = re.compile(r"(?:([-+*])|\d{1,9}([.)]))(?=[ \t\r\n]|\Z)")
_BLANK = " \t\r\n"
_POSITION = 'data-sourcepos="{line}:1-'
_BLOCK_TAG = re.compile(r"<(?:p|h[1-6]|blockquote|ul|ol|pre|hr|table|div)\b")
# a blank line does not end these: an indented line or another item may still come
_CONTINUABLE = re.compile(r"<(?:ul|ol|pre|li)\b")


def lines_of(text: str) -> list[str]:
    """Lines with their ends, as CommonMark has them (LF, CR, CRLF; not U+2028 or form feed)."""
    return _LINES.findall(text)


class BlockSplitter:
    """Takes a text line by line; gives back its parts as they are finished.

    A part is one or a few top-level blocks. Joined, the parts and `rest` are what was given.
    Where a cut falls depends on the text since the last one only.
    """

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._has_content = False
        self._after_blank = False
        self._marker: str | None = None
        self._fence = ""
        self._held = False
        self._ask_from = 0

    @property
    def rest(self) -> str:
        """What was given since the last cut."""
        return "".join(self._lines)

    def push(self, line: str) -> list[str]:
        """Take one whole line with its end. Returns the parts that it finishes: none, one or two."""
        if self._fence:
            return self._push_code(line)
        finished = []
        blank = not line.strip(_BLANK)
        if not blank and self._may_begin(line) and self._begins(line):
            finished.append(self._take())
        self._add(line)
        if blank:
            if self._has_content and not self._held and self._size >= self._ask_from and self._ended():
                finished.append(self._take())
        elif not self._has_content:
            self._note_first(line)
        self._after_blank = blank
        return finished

    def _push_code(self, line: str) -> list[str]:
        self._add(line)
        stripped = line.strip(_BLANK)
        indent = len(line) - len(line.lstrip(" "))
        closes = indent <= 3 and len(stripped) >= len(self._fence) and set(stripped) == {self._fence[0]}
        return [self._take()] if closes and line.lstrip(" ").startswith(stripped) else []

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._size += len(line)

    def _take(self) -> str:
        part = self.rest
        self._start()
        return part

    def _note_first(self, line: str) -> None:
        self._has_content = True
        self._marker = _marker(line)
        fence = _FENCE.match(line)
        if fence:
            self._fence = fence[1] or fence[2]

    def _may_begin(self, line: str) -> bool:
        """Whether asking comrak if `line` begins a new top-level block is worth its time."""
        if not self._has_content or self._size < self._ask_from or line[0] in " \t":
            return False
        if _FENCE.match(line) or _HEADING.match(line):
            return True
        marker = _marker(line)
        return self._after_blank and (marker is None or marker != self._marker)

    def _begins(self, line: str) -> bool:
        html = self._ask(line)
        found = html.rfind(_POSITION.format(line=len(self._lines) + 1))
        begins = found >= 0 and _BLOCK_TAG.match(html, html.rfind("<", 0, found)) is not None
        if not begins:
            self._back_off()
        return begins

    def _ended(self) -> bool:
        """After a blank line: whether what was given is finished, whatever comes."""
        html = self._ask("x\n")
        if f"<p {_POSITION.format(line=len(self._lines) + 1)}" not in html:
            self._back_off()
            return False
        self._held = _CONTINUABLE.search(html) is not None
        return not self._held

    def _ask(self, line: str) -> str:
        try:
            return engine.to_html(self.rest + line, positions=True)
        except engine.UnrenderableError:
            return ""

    def _back_off(self) -> None:
        # Asking again only when the text has grown by half keeps the whole linear
        self._ask_from = self._size + self._size // 2


def _marker(line: str) -> str | None:
    """The kind of list that `line` begins or goes on with: its bullet, or what follows its number."""
    match = None if _RULE.match(line) else _MARKER.match(line)
    return match and (match[1] or match[2])
