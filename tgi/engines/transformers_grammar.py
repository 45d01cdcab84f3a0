"""Grammars through llguidance: which tokens may come next, as a mask over the vocabulary."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import llguidance.hf
import torch
from llguidance import LLMatcher, LLTokenizer
from transformers import PreTrainedTokenizerFast

from tgi.engines.base import Grammar
from tgi.errors import GenerationError, ValidationError

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions

WORD_BITS = 32
# Between the parts of JSON, as TGI has it: without a limit a small model writes spaces until its tokens are used up.
JSON_OPTIONS: "JsonCompileOptions" = {"whitespace_pattern": "[ ]?"}


class Grammars:
    """Makes matchers for one model's tokens. Slow to make: it reads the whole vocabulary."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, ends: Sequence[int], vocabulary: int) -> None:
        self._tokenizer: LLTokenizer = llguidance.hf.from_tokenizer(tokenizer, vocabulary, list(ends))

    def matcher(self, grammar: Grammar) -> "Matcher":
        """One for each generation. Raises ``ValidationError`` for a grammar that cannot be compiled."""
        matcher = LLMatcher(self._tokenizer, _compiled(grammar), log_level=0)
        if matcher.is_error():
            raise ValidationError(f"grammar is not valid: {_one_line(matcher.get_error())}")
        # The first mask of some expressions takes seconds; here it takes them from nobody else.
        matcher.compute_bitmask()
        return Matcher(matcher)


class Matcher:
    """Where a generation is in its grammar."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def fill(self, words: torch.Tensor) -> None:
        """Write the tokens that may come next, a bit for each. Raises ``GenerationError``."""
        self._matcher.unsafe_compute_mask_ptr(words.data_ptr(), words.numel() * words.element_size())
        self._check()

    def accept(self, token: int) -> None:
        """Go on by a token. Raises ``GenerationError``."""
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise GenerationError(f"the grammar is too complex: {_one_line(self._matcher.get_error())}")


def allowed_tokens(matchers: Sequence[Matcher | None], vocabulary: int, device: torch.device) -> torch.Tensor | None:
    """A row for each sequence, True where a token may be taken; None where there is no grammar at all."""
    if not any(matchers):
        return None
    words = torch.full((len(matchers), -(-vocabulary // WORD_BITS)), -1, dtype=torch.int32)
    for row, matcher in enumerate(matchers):
        if matcher is not None:
            matcher.fill(words[row])
    bits = torch.arange(WORD_BITS, dtype=torch.int32, device=device)
    spread = words.to(device, non_blocking=True)[:, :, None] >> bits & 1
    return spread.view(len(matchers), -1)[:, :vocabulary].bool()


def _compiled(grammar: Grammar) -> str:
    if grammar.kind == "regex":
        compiled: str = LLMatcher.grammar_from_regex(grammar.value)
        return compiled
    try:
        schema = json.loads(grammar.value)
        compiled = LLMatcher.grammar_from_json_schema(schema, defaults=JSON_OPTIONS)
    except ValueError as error:
        raise ValidationError(f"grammar is not valid: {_one_line(str(error))}") from None
    return compiled


def _one_line(text: str) -> str:
    return " ".join(text.split())
