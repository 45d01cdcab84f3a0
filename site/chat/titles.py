"""Pure: a title for a chat, out of its first question. It is there at once, and no model is asked for it."""

from __future__ import annotations

import re
import unicodedata

TITLE_LENGTH = 60

# Far enough into a question: what comes later is no title.
_LOOKED_AT = 5_000
_MARKS = re.compile(r"^(?:(?:#{1,6}|>|[-*+]|\d{1,3}[.)])\s+)+")
_NO_WORDS = re.compile(r"^(?:`{3,}|~{3,})|^[\W_]+$")
# They join the characters beside them, in emoji and in several scripts.
_JOINERS = {"\u200c", "\u200d"}
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def title_from(query: str) -> str:
    """The first line that says something, without Markdown's marks, cut at a word; "" if nothing in it can be seen."""
    lines = [shown for line in query[:_LOOKED_AT].splitlines() if (shown := _seen(line))]
    line = next((line for line in lines if not _NO_WORDS.match(line)), lines[0] if lines else "")
    line = _MARKS.sub("", line) or line
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[:TITLE_LENGTH] if " " in line[1:TITLE_LENGTH] else line[: _between_characters(line)]
    return cut.rsplit(" ", 1)[0].rstrip(" ,;:.-") + "…"


def _seen(line: str) -> str:
    """Without control characters and those that turn the direction of what follows; "" if nothing of it can be seen."""
    shown = "".join(one for one in line if one in _JOINERS or unicodedata.category(one) not in {"Cc", "Cf", "Co", "Cs"})
    return shown.strip() if any(not one.isspace() and one not in _JOINERS for one in shown) else ""


def _between_characters(line: str) -> int:
    """Where to cut a long word: before a character with all that belongs to it."""
    cut = TITLE_LENGTH
    while cut > 1 and (_continues(line[cut]) or line[cut - 1] == "\u200d"):
        cut -= 1
    return cut


def _continues(character: str) -> bool:
    is_mark = unicodedata.category(character).startswith("M")
    return is_mark or character in _JOINERS or ord(character) in _SKIN_TONES
