"""Grammars for llama.cpp's llguidance, checked before and watched meanwhile by the same library's Python package.

llama.cpp itself reports nothing of a grammar that it cannot compile or that grows too complex, and goes on without it.
"""

import asyncio
import json

from llguidance import LLMatcher, LLTokenizer

from tgi.engines.base import Grammar, Token
from tgi.errors import ValidationError

# How llama.cpp tells llguidance's language from its own.
HEADER = "%llguidance {}\n"
# Between the parts of JSON, always the same: where it may choose, a small model writes spaces until its tokens are
# used up.
SPACES = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}

# The check is not about one model's tokens.
_BYTES = LLTokenizer("byte")


def compiled(grammar: Grammar) -> str:
    """The grammar in llguidance's language. Raises ``ValidationError``."""
    if grammar.kind == "regex":
        written = json.loads(LLMatcher.grammar_from_regex(grammar.value))
        return HEADER + str(written["grammars"][0]["lark_grammar"])
    schema = json.loads(grammar.value)
    return f"{HEADER}start: %json {json.dumps({'x-guidance': SPACES, **schema})}"


async def check(grammar: Grammar) -> None:
    """Raises ``ValidationError`` for what cannot be compiled."""
    reason = await asyncio.to_thread(_problem, compiled(grammar))
    if reason:
        raise _refusal(reason)


class Watch:
    """Follows a text through its grammar, apart from llama.cpp."""

    def __init__(self, grammar: Grammar) -> None:
        self._matcher = LLMatcher(_BYTES, compiled(grammar), log_level=0)

    def accept(self, token: Token) -> None:
        """Go on by a token. Raises ``ValidationError`` where the text has left the grammar, or ends too early."""
        data = token.text.encode()
        within = self._matcher.is_accepting() if token.eos else token.special or self._matches(data)
        if not within:
            raise ValidationError("grammar is not valid: the engine cannot follow it")

    def _matches(self, data: bytes) -> bool:
        return self._matcher.try_consume_tokens(list(data)) == len(data)


def _problem(written: str) -> str:
    """Why the grammar has no first token, "" where it has."""
    matcher = LLMatcher(_BYTES, written, log_level=0)
    if not matcher.is_error():
        matcher.compute_bitmask()
    return matcher.get_error() if matcher.is_error() else ""


def _refusal(reason: str) -> ValidationError:
    """Without the place in the grammar, which is ours and not the client's."""
    lines = reason.split("\n   1 | ", 1)[0]
    told = " ".join(lines.partition(": ")[2].split()) or "it cannot be compiled"
    return ValidationError(f"grammar is not valid: {told}")
