"""An answer as it arrives: finished blocks, each rendered once, and the live end of it."""

import re
from dataclasses import dataclass

from django.utils.safestring import SafeString

from . import engine
from .pipeline import to_html
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
        return to_html(source, self._references, prefix=self._prefix, highlight=False)

    def _push(self, lines: list[str]) -> list[Block]:
        return self._blocks([part for line in lines for part in self._splitter.push(engine.legible(line))])

    def _blocks(self, parts: list[str]) -> list[Block]:
        blocks = []
        for part in parts:
            start, self._end = self._end, self._end + len(part)
            if self._end > self._start:
                rendered = to_html(part, self._references, prefix=self._prefix, highlight=True)
                blocks.append(Block(start, self._end, rendered))
            self._references.learn(part)
        return blocks


def render(text: str, *, prefix: str = "") -> SafeString:
    """The HTML of a whole answer: its blocks as `AnswerStream` gives them, joined. Never raises."""
    stream = AnswerStream(prefix=prefix)
    blocks = stream.feed(text) + stream.finish()
    return SafeString("".join(block.html for block in blocks))
