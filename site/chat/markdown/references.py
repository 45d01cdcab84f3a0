"""Definitions of links (`[label]: address "title"`) and of footnotes (`[^label]: text`), known to every block."""

import re
from collections import Counter
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote

from . import engine
from .split import lines_of

# comrak expands links to no more characters of addresses and titles than its input has
_ALLOWANCE = 2_000
# of definitions given to blocks, in one text: without a bound, a long address and many short uses make a huge page
_MAX_GIVEN = 400_000
# so many labels may differ in no more than blurring takes away
_MAX_ALIKE = 8
_LABEL = re.compile(r"\[((?:[^\[\]\\]|\\.){1,999})\](:?)", re.DOTALL)
_BLANKS = re.compile(r"[ \t\r\n]+")
# where a label goes on in the next line of a quote
_QUOTED = re.compile(r"[\r\n]+[ \t>]*")
# what tells labels apart only sometimes: marks of quotes, the escaped pipes of tables
_BLURRED = re.compile(r"[\s>]+")
_NOTE_LABEL = re.compile(r"\^[^\s]+")
_LINK = re.compile(
    r'<p data-sourcepos="(\d+):1-[^"]*"><a data-sourcepos="[^"]*" href="([^"]*)"(?: title="([^"]*)")?>x</a></p>'
)
_NOTE = re.compile(r'<li data-sourcepos="[^"]*" id="fn-([^"]*)">')
_RULE, _RULE_HTML = "***\n\n", "<hr />\n"


@dataclass(frozen=True, slots=True)
class _Definition:
    number: int  # in the order in which they were learned
    source: str
    is_note: bool


class References:
    """The definitions seen so far. The first of a label counts."""

    def __init__(self) -> None:
        self._labels: set[str] = set()
        self._definitions: dict[str, list[_Definition]] = {}  # by blurred label
        self._given = 0

    @property
    def learned(self) -> int:
        """How many definitions are known."""
        return len(self._labels)

    def to_html(self, block: str, *, is_final: bool) -> str:
        """comrak's HTML for `block`, which sees the definitions. `is_final` counts what it was given.

        Raises `UnrenderableError`.
        """
        if "[" not in block or not (self._labels or "]:" in block):
            return engine.to_html(block)
        given, allowance = self._given_to(block)
        if is_final:
            self._given += allowance
        before = " " * (_ALLOWANCE + allowance) + "\n"
        if not given:
            return engine.to_html(before + block)
        # Definitions of links render to nothing; those of notes are cut off at the rule.
        links = "".join(one.source for one in given if not one.is_note)
        notes = "".join(one.source for one in given if one.is_note)
        return engine.to_html(f"{before}{links}\n{notes}{_RULE}{block}").partition(_RULE_HTML)[2]

    def skip(self, block: str) -> None:
        """Count what the final `block`, which nobody wants, would have been given."""
        if "[" in block and self._labels:
            self._given += self._given_to(block)[1]

    def concern(self, block: str, *, since: int) -> bool:
        """Whether `block` may use what was learned when `since` definitions were known already."""
        return since < self.learned and any(
            one.number >= since for label in _blurred_labels(block) for one in self._definitions.get(label, ())
        )

    def learn(self, block: str) -> None:
        """Keep what the finished `block` defines."""
        if "]:" not in block:
            return
        labels = self._new_labels(block)
        if not labels:
            return
        try:
            links, notes = _defined(block, list(labels.values()))
        except engine.UnrenderableError:
            return
        for label, source in links.items():
            self._keep(label, source, is_note=False)
        for name in notes:
            self._keep(f"^{name}", f"[^{name}]: x\n\n", is_note=True)

    def _keep(self, label: str, source: str, *, is_note: bool) -> None:
        key = _key(label)
        alike = self._definitions.setdefault(_blurred(label), [])
        if key not in self._labels and len(alike) < _MAX_ALIKE:
            alike.append(_Definition(self.learned, source, is_note))
            self._labels.add(key)

    def _given_to(self, block: str) -> tuple[list[_Definition], int]:
        """The definitions that `block` may use, and of how many characters its uses of them are."""
        given = []
        length = 0
        for label, uses in _blurred_labels(block).items():
            for one in self._definitions.get(label, ()):
                given.append(one)
                length += len(one.source) * (uses + 1)
        return (given, length) if self._given + length <= _MAX_GIVEN else ([], 0)

    def _new_labels(self, block: str) -> dict[str, str]:
        """Labels that `block` may define, as they are compared, and as they are written."""
        labels: dict[str, str] = {}
        for match in _LABEL.finditer(block):
            if match[2]:
                for written in {match[1], _QUOTED.sub(" ", match[1])}:
                    label = _BLANKS.sub(" ", written).strip(" ")
                    key = _key(label)
                    if label and key not in self._labels:
                        labels.setdefault(key, label)
        return labels


def _blurred_labels(block: str) -> Counter[str]:
    """Everything in `block` that may be a label, and how often: more than there are, never fewer."""
    return Counter(_blurred(match[1]) for match in _LABEL.finditer(block))


def _key(label: str) -> str:
    """What labels are compared by."""
    return _BLANKS.sub(" ", label).strip(" ").casefold()


def _blurred(label: str) -> str:
    """The same for labels that are the same, however they are written where they are; for a few others as well."""
    return _BLURRED.sub(" ", label.replace("\\", "")).strip(" ").casefold()


def _defined(block: str, labels: list[str]) -> tuple[dict[str, str], list[str]]:
    """Definitions in `block`: those of links by their label, each on one line, and the names of the notes.

    Asked of comrak by using each label, in a paragraph of its own, after the block. Raises `UnrenderableError`.
    """
    above = f"{block}\n\n"
    asked = [label for label in labels if not _NOTE_LABEL.fullmatch(label)]
    html = engine.to_html(above + "".join(f"[x][{label}]\n\n" for label in asked), positions=True)
    first = len(lines_of(above)) + 1
    found = {int(line): (address, title) for line, address, title in _LINK.findall(html)}
    links = {
        label: _definition(label, *found[first + 2 * number])
        for number, label in enumerate(asked)
        if first + 2 * number in found
    }
    return links, [unquote(unescape(name)) for name in _NOTE.findall(html)]


def _definition(label: str, address: str, title: str) -> str:
    # both come as HTML, whose character references a definition reads the same way
    title = title.replace("\\", "\\\\").replace("\n", "&#10;")
    return f"[{label}]: <{address}>" + (f' "{title}"\n' if title else "\n")
