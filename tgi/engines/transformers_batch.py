"""A batch: sequences, their keys and values, and a step of the model over all of them."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from tgi.engines.base import Job, Sampling
from tgi.engines.transformers_cache import BatchCache
from tgi.engines.transformers_grammar import Matcher, allowed_tokens
from tgi.engines.transformers_model import Loaded
from tgi.engines.transformers_sampling import BatchSampler, Choice

# What a line's owner is told: tokens one by one, all log-probabilities of a prompt, why it failed, or the end.
Report = Choice | list[float] | Exception | None


@dataclass(eq=False)
class Line:
    """One sequence: a prompt and what was generated after it.

    ``reports`` is filled in the event loop's thread; ``cancelled`` may be set in any. ``only_prompt``: what is wanted
    are the prompt's probabilities.
    """

    job: Job
    matcher: Matcher | None = None
    only_prompt: bool = False
    cancelled: bool = False
    reports: asyncio.Queue[Report] = field(default_factory=asyncio.Queue)
    tokens: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = list(self.job.prompt)
        self.random = random.Random(self.job.sampling.seed)  # noqa: S311 - repeatable is the point
        self.prompt_logprobs: list[float] = []

    @property
    def sampling(self) -> Sampling:
        """How its tokens are chosen."""
        return self.job.sampling

    @property
    def prompt(self) -> Sequence[int]:
        """What it began with."""
        return self.job.prompt

    @property
    def top_n_tokens(self) -> int:
        """How many of the most likely tokens are wanted beside them."""
        return self.job.top_n_tokens

    @property
    def most_tokens(self) -> int:
        """Places it may need in the cache."""
        return len(self.job.prompt) + self.job.max_new_tokens

    def take(self, choice: Choice, ends: Sequence[int]) -> bool:
        """Add the token; True if it is the last one. Raises ``GenerationError``."""
        self.tokens.append(choice.id)
        last = choice.id in ends or len(self.tokens) >= self.most_tokens
        if self.matcher is not None and not last:
            self.matcher.accept(choice.id)
        return last


class Batch:
    """Lines whose tokens up to the cache's width are in the cache; ``_pads`` are the empty columns before each."""

    def __init__(self, loaded: Loaded, lines: Sequence[Line] = ()) -> None:
        self._loaded = loaded
        self._cache = BatchCache(loaded.layers)
        self._cache.span.rows = len(lines)
        self.lines = list(lines)
        longest = max((len(line.tokens) for line in lines), default=0)
        self._pads = [longest - len(line.tokens) for line in lines]
        self._sampler: BatchSampler | None = None

    @property
    def missing(self) -> int:
        """How many columns of tokens are not in the cache yet; one, when it is only the newest."""
        return max(pad + len(line.tokens) for pad, line in zip(self._pads, self.lines, strict=True)) - self._width

    @property
    def _width(self) -> int:
        return self._cache.span.width

    @property
    def bytes_per_token(self) -> int:
        """What one token of one sequence takes in the cache, in bytes; known after the first step."""
        return self._cache.bytes_per_token

    def forward(self, columns: int, *, all_logits: bool = False) -> torch.Tensor:
        """Put that many columns of tokens into the cache; logits after the last one, or after each.

        rows × vocabulary, or rows × columns × vocabulary.
        """
        start, end = self._width, self._width + columns
        ids = [
            [line.tokens[column - pad] if column >= pad else 0 for column in range(start, end)]
            for line, pad in zip(self.lines, self._pads, strict=True)
        ]
        device = self._loaded.device
        sent = torch.tensor([[pad, *row] for pad, row in zip(self._pads, ids, strict=True)]).to(
            device, non_blocking=True
        )
        pads, places = sent[:, :1], torch.arange(end, device=device)
        logits: torch.Tensor = self._loaded(
            input_ids=sent[:, 1:],
            # Without padding there is nothing to mask, and attention is faster so.
            attention_mask=(places >= pads).long() if any(self._pads) else None,
            position_ids=(places[start:] - pads).clamp(min=0),
            cache_position=places[start:],
            past_key_values=self._cache.cache,
            logits_to_keep=0 if all_logits else 1,
        )
        self._cache.span.end += columns
        return logits if all_logits else logits[:, -1]

    def choose(self, logits: torch.Tensor) -> list[Choice]:
        """The next token of each line."""
        if self._sampler is None:
            self._sampler = BatchSampler(self.lines, self._loaded.device, logits.shape[-1])
        matchers = [line.matcher for line in self.lines]
        return self._sampler.choose(logits, allowed_tokens(matchers, logits.shape[-1], logits.device))

    def append(self, other: "Batch") -> None:
        """Take in the lines of another batch; both have all but their newest tokens in the cache."""
        before = self._width
        self._cache.append(other._cache)
        self._pads = [pad + self._width - before for pad in self._pads]
        self._pads += [pad + self._width - other._width for pad in other._pads]
        self.lines += other.lines
        self._sampler = None

    def remove(self, leaving: Sequence[Line]) -> None:
        """Let go of lines, and of the columns that only they used."""
        for line in leaving:
            row = self.lines.index(line)
            self._cache.remove(row)
            last_line, last_pad = self.lines.pop(), self._pads.pop()
            if last_line is not line:
                self.lines[row], self._pads[row] = last_line, last_pad
        if leaving:
            self._sampler = None
            unused = min([*self._pads, self._width])
            self._cache.span.first += unused
            self._pads = [pad - unused for pad in self._pads]
