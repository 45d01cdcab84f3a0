"""Link reference definitions (`[label]: address "title"`) carried from finished blocks to later ones."""

import re

from . import engine

_MAX_DEFINITIONS = 100
_MAX_LENGTH = 8_000
# comrak expands references to no more characters of addresses and titles than its input has
_ALLOWANCE = " " * 2_000 + "\n"
_CANDIDATE = re.compile(r"\[((?:[^\[\]\\]|\\.){1,999})\]:", re.DOTALL)
_PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)
_LINK = re.compile(r'<a href="([^"]*)"(?: title="([^"]*)")?>.*</a>')


class References:
    """The definitions seen so far. The first of a label counts; at most 100, of 8,000 characters together."""

    def __init__(self) -> None:
        self._definitions: dict[str, str] = {}
        self._length = 0

    def put_before(self, block: str) -> str:
        """`block` with the definitions that it may use in front of it; they render to nothing."""
        if "[" not in block or not (self._definitions or "]:" in block):
            return block
        return _ALLOWANCE + "".join(self._definitions.values()) + "\n" + block

    def learn(self, block: str) -> None:
        """Keep what the finished `block` defines."""
        if "]:" not in block or len(self._definitions) >= _MAX_DEFINITIONS:
            return
        labels = self._new_labels(block)
        if not labels:
            return
        for key, definition in zip(labels, _definitions(block, list(labels.values())), strict=True):
            if definition and self._length + len(definition) <= _MAX_LENGTH:
                self._definitions[key] = definition
                self._length += len(definition)

    def _new_labels(self, block: str) -> dict[str, str]:
        """Labels that `block` may define, as they are compared, and as they are written."""
        labels: dict[str, str] = {}
        for match in _CANDIDATE.finditer(block):
            label = " ".join(match[1].split())
            key = label.casefold()
            if label and not label.startswith("^") and key not in self._definitions:
                labels.setdefault(key, label)
            if len(labels) + len(self._definitions) >= _MAX_DEFINITIONS:
                break
        return labels


def _definitions(block: str, labels: list[str]) -> list[str]:
    """For each label its definition on one line, "" if `block` holds none.

    Asked of comrak by using each label, in a paragraph of its own, after the block.
    """
    uses = "".join(f"[{label}]\n\n" for label in labels)
    try:
        paragraphs = _PARAGRAPH.findall(engine.to_html(f"{block}\n\n{uses}"))
    except engine.UnrenderableError:
        paragraphs = []
    paragraphs = [""] * (len(labels) - len(paragraphs)) + paragraphs
    return [_definition(label, use) for label, use in zip(labels, paragraphs[-len(labels) :], strict=True)]


def _definition(label: str, use: str) -> str:
    link = _LINK.fullmatch(use)
    if link is None:
        return ""
    # both come as HTML, whose character references a definition reads the same way
    title = " ".join((link[2] or "").replace("\\", "\\\\").split())
    return f"[{label}]: <{link[1]}>" + (f' "{title}"\n' if title else "\n")
