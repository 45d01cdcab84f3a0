"""An answer as it arrives: finished blocks, each rendered once, and the live end of it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.safestring import SafeString

from . import engine
from .pipeline import to_html, try_html
from .references import References
from .split import BlockSplitter, lines_of

# A last line that may yet become a bullet, an underline, a fence or text is not shown until it is one
_UNDECIDED = re.compile(r"[ \t]*(?:[-=*_+#>~`|: \t]+|\d{1,9}[.)]?)[ \t]*\Z")


@dataclass(frozen=True, slots=True)
class Block:
    """A finished part of an answer: `html` for its text from `start` up to `end`, in characters.

    The next block starts where this one ends. `html` is "" where the text shows nothing (a definition).
    """

    start: int
    end: int
    html: SafeString


@dataclass(frozen=True, slots=True)
class _Use:
    """A block that may use definitions, and how many were known to it."""

    block: Block
    source: str
    known: int


class AnswerStream:
    """Renders an answer that arrives in pieces. How it is cut into pieces makes no difference to its blocks.

    `prefix` begins every id in the HTML: give each answer on a page its own. With `start`, blocks that end
    there or earlier are not rendered and not returned; the text is fed from its beginning all the same.
    """

    def __init__(self, *, prefix: str = "", start: int = 0) -> None:
        self._prefix = prefix
        self._start = start
        self._splitter = BlockSplitter()
        self._references = References()
        self._uses: list[_Use] = []
        self._end = 0
        self._line: list[str] = []
        self._fed = 0

    @property
    def end(self) -> int:
        """Where the last finished block ends and the tail starts, in characters."""
        return self._end

    @property
    def length(self) -> int:
        """How much was fed, in characters."""
        return self._fed

    def feed(self, piece: str) -> list[Block]:
        """Take the next piece of the answer. Returns the blocks that it finishes, in order."""
        self._fed += len(piece)
        self._line.append(piece)
        # a CR may be the first half of a CRLF
        if "\n" not in piece and "\r" not in piece and not (len(self._line) > 1 and self._line[-2].endswith("\r")):
            return []
        lines = lines_of("".join(self._line))
        last = lines.pop() if lines and not lines[-1].endswith("\n") else ""
        self._line = [last] if last else []
        return self._push(lines)

    def finish(self) -> list[Block]:
        """Say that the answer is complete. Returns the last blocks; the tail is empty afterwards."""
        blocks = self._push(lines_of("".join(self._line)))
        self._line = []
        rest = self._splitter.rest
        self._splitter = BlockSplitter()
        return blocks + (self._blocks([rest]) if rest else [])

    def tail_html(self) -> SafeString:
        """HTML for what is not in a block yet. It may change altogether; takes time linear in the tail."""
        line = "".join(self._line)
        if _UNDECIDED.match(line):
            line = ""
        source = self._splitter.rest + line
        return to_html(source, self._references, prefix=self._prefix, is_final=False)

    def revised(self) -> dict[int, SafeString]:
        """After `finish`: the HTML of each block that uses what is defined below it, by where the block starts.

        Blocks stay as they were sent while an answer comes; these replace them in the finished one.
        """
        htmls = {}
        for use in self._uses:
            if self._references.concern(use.source, since=use.known):
                html = self._again(use)
                if html != use.block.html:
                    htmls[use.block.start] = html
        self._uses = []
        return htmls

    def _again(self, use: _Use) -> SafeString:
        try:
            return try_html(use.source, self._references, prefix=self._prefix, is_final=True)
        except engine.UnrenderableError:
            return use.block.html  # so many references that they are better left as they are

    def _push(self, lines: list[str]) -> list[Block]:
        return self._blocks([part for line in lines for part in self._splitter.push(engine.legible(line))])

    def _blocks(self, parts: list[str]) -> list[Block]:
        blocks = []
        for part in parts:
            start, self._end = self._end, self._end + len(part)
            if self._end <= self._start:
                self._references.skip(part)
                self._references.learn(part)
                continue
            html = to_html(part, self._references, prefix=self._prefix, is_final=True)
            blocks.append(Block(start, self._end, html))
            self._references.learn(part)
            if "[" in part:
                self._uses.append(_Use(blocks[-1], part, self._references.learned))
        return blocks


def render(text: str, *, prefix: str = "") -> SafeString:
    """The HTML of a whole answer: its blocks as `AnswerStream` gives them and at last revises them. Never raises."""
    stream = AnswerStream(prefix=prefix)
    return joined(stream.feed(text) + stream.finish(), stream.revised())


def joined(blocks: Iterable[Block], revised: Mapping[int, SafeString]) -> SafeString:
    """The HTML of all `blocks` of a finished answer."""
    return SafeString("".join(revised.get(block.start, block.html) for block in blocks))
