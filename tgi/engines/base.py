"""What the server asks of an engine. Engines know tokens and slots; TGI's rules stay outside of them."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

# What an engine may lack, by the name of the request's parameter; a request for it is refused then.
Feature = Literal[
    "decoder_input_details",
    "frequency_penalty",
    "grammar",
    "repetition_penalty",
    "top_n_tokens",
    "typical_p",
]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. A ``seed`` of None means greedy: always the most likely token.

    Off: ``temperature`` 1, ``top_k`` 0, ``top_p`` 1, ``typical_p`` 1, ``repetition_penalty`` 1,
    ``frequency_penalty`` 0. The penalties hold for greedy choice too.
    """

    seed: int | None = None
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0


@dataclass(frozen=True, slots=True)
class Grammar:
    """What the whole text must match: a JSON schema as JSON text, or a regular expression."""

    kind: Literal["json_schema", "regex"]
    value: str


@dataclass(slots=True)
class Job:
    """One generation: the whole prompt as token ids, and at most ``max_new_tokens`` tokens after it.

    ``top_n_tokens`` asks for the most likely tokens at every step, beside the chosen one. ``started`` is set
    by the engine, in seconds of ``time.monotonic()``, when the job leaves the queue.
    """

    prompt: Sequence[int]
    max_new_tokens: int
    sampling: Sampling = field(default_factory=Sampling)
    logprobs: bool = False
    top_n_tokens: int = 0
    grammar: Grammar | None = None
    started: float | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the most likely tokens of a step; ``logprob`` as in ``Token``."""

    id: int
    text: str
    logprob: float
    special: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    ``text`` is "" while a character is incomplete; the token that completes it carries the character.
    ``logprob`` is natural, under the model's own distribution (before temperature and cuts), and None
    where the job did not ask for it or the engine cannot tell. ``eos`` marks the token that ends the text.
    ``top`` has the job's ``top_n_tokens`` alternatives, most likely first.
    """

    id: int
    text: str
    logprob: float | None = None
    special: bool = False
    eos: bool = False
    top: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class PrefillToken:
    """A token of a prompt, and its log-probability after those before it; None for the first."""

    id: int
    text: str
    logprob: float | None


@dataclass(frozen=True, slots=True)
class PromptToken:
    """A token of given text: ``start`` and ``stop`` are UTF-8 byte offsets of whole characters in it."""

    id: int
    text: str
    start: int
    stop: int


class Engine(Protocol):
    """A loaded model. All methods are for one event loop. ``device`` is "cpu" or "gpu".

    What is not in ``supports`` is never asked of it.
    """

    device: str
    supports: frozenset[Feature]

    @property
    def healthy(self) -> bool:
        """Whether it takes jobs."""

    async def start(self) -> None:
        """Become ready: after it returns, the first request is as fast as the next ones."""

    async def encode(self, text: str) -> list[int]:
        """Ids of ``text`` as a prompt, with the tokens the model wants around every input (BOS)."""

    async def tokenize(self, text: str) -> list[PromptToken]:
        """The same tokens with their places in the text, for people to look at."""

    async def apply_template(
        self,
        messages: Sequence[dict[str, Any]],
        *,
        tools: Sequence[dict[str, Any]] | None = None,
        tool_prompt: str = "",
    ) -> str:
        """The prompt for these messages; a last message by the assistant is left open, to be continued.

        Messages have ``role`` and ``content``, and may have ``name``, ``tool_calls`` and ``tool_call_id``. Where the
        template has no place for ``tools``, they and ``tool_prompt`` are added to the last message.
        Raises ``TemplateError``.
        """

    async def check_grammar(self, grammar: Grammar) -> None:
        """Raises ``ValidationError`` for one that cannot be compiled. Needs "grammar"."""

    async def prefill(self, prompt: Sequence[int]) -> list[PrefillToken]:
        """The prompt's tokens, each with its probability. Needs "decoder_input_details".

        Queues like a generation. Raises ``GenerationError``.
        """

    def generate(self, job: Job) -> AsyncGenerator[Token, None]:
        """Tokens as they come. Closing the generator frees the engine's place within a token, queued or not.

        Raises ``GenerationError``, and ``ValidationError`` for a grammar that proves to be too much on the way.
        """

    async def aclose(self) -> None:
        """End every running job with ``GenerationError`` and let go of the model."""
