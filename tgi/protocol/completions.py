"""``/v1/completions``: its request, its answer and its stream events."""

from typing import Any

import msgspec

from tgi.errors import ValidationError
from tgi.protocol.chat_responses import Usage
from tgi.protocol.requests import U32, U64, GenerateParameters, check_u64
from tgi.protocol.responses import SYSTEM_FINGERPRINT


class SuffixError(ValidationError):
    """There is a suffix. Type and words are TGI's."""

    error_type = "suffix not supported"
    prefix = "Suffix is not supported and can be achieved by preprocessing the prompt."


class BatchSizeError(ValidationError):
    """There are too many prompts. Type and words are TGI's."""

    error_type = "batch size exceeded"
    prefix = "Number of prompts exceeds the maximum allowed batch size of "


class CompletionRequest(msgspec.Struct, frozen=True):
    """Body of ``/v1/completions``. TGI ignores what comes after ``repetition_penalty``; here it is refused."""

    prompt: str | tuple[str, ...]
    model: str | None = None
    max_tokens: U32 | None = None
    stop: tuple[str, ...] | None = None
    stream: bool = False
    seed: U64 | None = None
    suffix: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    best_of: int | None = None
    n: int | None = None
    echo: bool | None = None
    logprobs: int | None = None
    logit_bias: Any = None

    def __post_init__(self) -> None:
        """Part of decoding."""
        check_u64(self.seed)
        if not self.prompt and not isinstance(self.prompt, str):
            raise ValueError("Empty array detected. Do not use an empty array for the prompt.")

    @property
    def prompts(self) -> tuple[str, ...]:
        """One or several."""
        return (self.prompt,) if isinstance(self.prompt, str) else self.prompt

    def check(self, max_client_batch_size: int) -> None:
        """Raises ``ValidationError`` for what this server would otherwise have to ignore, or for too many prompts."""
        if self.suffix is not None:
            raise SuffixError
        if len(self.prompts) > max_client_batch_size:
            raise BatchSizeError(str(max_client_batch_size))
        for name, value in (("n", self.n), ("best_of", self.best_of)):
            if value not in (None, 1):
                raise ValidationError(f"`{name}` must be 1: one answer is made of a prompt. Given: {value}")
        for name, asked in (
            ("presence_penalty", self.presence_penalty),
            ("echo", self.echo),
            ("logprobs", self.logprobs is not None),
            ("logit_bias", self.logit_bias),
        ):
            if asked:
                raise ValidationError(f"`{name}` is not supported by this server")

    def to_parameters(self) -> GenerateParameters:
        """The same as ``/generate`` parameters: a temperature of 0 is greedy, anything else samples."""
        greedy = self.temperature == 0
        return GenerateParameters(
            temperature=None if greedy else self.temperature,
            repetition_penalty=self.repetition_penalty,
            frequency_penalty=self.frequency_penalty,
            top_p=self.top_p,
            do_sample=not greedy,
            max_new_tokens=self.max_tokens,
            stop=self.stop or (),
            seed=self.seed,
        )


class CompletionChoice(msgspec.Struct, frozen=True):
    """The text made of one prompt, or a piece of it; the reason is "" until the last piece."""

    index: int
    text: str
    finish_reason: str = ""
    logprobs: None = None


class CompletionChunk(msgspec.Struct, frozen=True):
    """A piece of a streamed completion."""

    created: int
    model: str
    choices: tuple[CompletionChoice, ...]
    object: str = "text_completion"
    id: str = ""
    system_fingerprint: str = SYSTEM_FINGERPRINT


class CompletionFinal(CompletionChunk, frozen=True, kw_only=True):
    """A whole completion, and the last piece of a prompt's: with the token counts."""

    usage: Usage
