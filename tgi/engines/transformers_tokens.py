"""Text to tokens and back, over a fast tokenizer of transformers; its Rust part is safe to use from any thread."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import jinja2
from transformers import PreTrainedTokenizerFast

from tgi.engines.base import PromptToken
from tgi.engines.templates import with_tools
from tgi.errors import MissingTemplateVariableError, TemplateError

# What a decoder gives for bytes that are no whole character.
INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
# Tokens that the next one is decoded after: enough for any whole character.
CONTEXT_TOKENS = 6
MAX_CACHED_TEXTS = 1 << 16


class Tokens:
    """A model's tokenizer and chat template."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        self._special = {token for token, kind in tokenizer.added_tokens_decoder.items() if kind.special}
        self._after = self._backend.encode("a", add_special_tokens=False).ids[-1:]
        self.text = lru_cache(MAX_CACHED_TEXTS)(self._text)

    def encode(self, text: str) -> list[int]:
        """Ids of the text as a prompt; texts of special tokens are recognised."""
        ids: list[int] = self._backend.encode(text).ids
        return ids

    def tokenize(self, text: str) -> list[PromptToken]:
        """The same tokens with their places in the text."""
        encoding = self._backend.encode(text)
        offsets = _byte_offsets(text)
        return [
            PromptToken(token, text[start:stop], offsets[start], offsets[stop])
            for token, (start, stop) in zip(encoding.ids, encoding.offsets, strict=True)
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the tokens, special ones included."""
        text: str = self._backend.decode(ids, skip_special_tokens=False)
        return text

    def is_special(self, token: int) -> bool:
        """Whether the token is no text but a mark, e.g. the end of a turn."""
        return token in self._special

    def _text(self, token: int) -> str:
        """A token's text, as it is within a text: some decoders drop a space at the beginning."""
        before = self.decode(self._after)
        return self.decode([*self._after, token])[len(before) :]

    def apply_template(
        self,
        messages: Sequence[dict[str, Any]],
        *,
        tools: Sequence[dict[str, Any]] | None = None,
        tool_prompt: str = "",
    ) -> str:
        """See ``Engine.apply_template``. A BOS that ``encode`` adds again is left out."""
        template = self._tokenizer.chat_template
        if not isinstance(template, str):
            raise TemplateError("the model has no chat template")
        listed = "tools" in template
        if tools:
            messages = with_tools(messages, tools, tool_prompt, template_lists_tools=listed)
        goes_on = messages[-1]["role"] == "assistant"
        if goes_on and not messages[-1]["content"]:
            messages, goes_on = messages[:-1], False
        try:
            text: str = self._tokenizer.apply_chat_template(
                list(messages),
                tools=list(tools) if tools and listed else None,
                tokenize=False,
                add_generation_prompt=not goes_on,
                continue_final_message=goes_on,
            )
        except jinja2.UndefinedError as error:
            raise MissingTemplateVariableError(str(error)) from None
        except (jinja2.TemplateError, ValueError, TypeError, LookupError) as error:
            raise TemplateError(str(error)) from None
        return self._without_bos(text)

    def _without_bos(self, text: str) -> str:
        bos = self._tokenizer.bos_token
        if bos and text.startswith(bos) and self.encode("")[:1] == [self._tokenizer.bos_token_id]:
            return text.removeprefix(bos)
        return text


class TextStream:
    """The texts of an answer's tokens, one by one: "" until a character is whole, then all of it."""

    def __init__(self, tokens: Tokens, prompt: Sequence[int]) -> None:
        self._tokens = tokens
        self._shown = list(prompt[-CONTEXT_TOKENS:])
        self._held: list[int] = []

    def push(self, token: int) -> str:
        """The text this token adds to what was shown."""
        self._held.append(token)
        text = self._tokens.decode([*self._shown, *self._held])
        if text.endswith(INCOMPLETE):
            return ""
        before = self._tokens.decode(self._shown).rstrip(INCOMPLETE)
        self._shown, self._held = [*self._shown, *self._held][-CONTEXT_TOKENS:], []
        return text[len(before) :]


def _byte_offsets(text: str) -> list[int]:
    """Where each character begins in UTF-8, and where the text ends."""
    offsets = [0]
    for character in text:
        offsets.append(offsets[-1] + len(character.encode(errors="surrogatepass")))
    return offsets
