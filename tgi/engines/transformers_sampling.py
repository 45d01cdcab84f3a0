"""From a batch's logits to one token each, on the device, with one copy to the host for all of them.

The order is TGI's: repetition penalty (for every token of prompt and answer), frequency penalty, grammar, temperature,
top_k, top_p, typical_p. The frequency penalty is OpenAI's, times the token's count in the answer; TGI divides that by
the length, which leaves next to nothing of it. A sequence draws one number from its own seeded source at every step
and takes the token at that place of its distribution, so what it gets depends on its own numbers alone.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from tgi.engines.base import Sampling

# The finest steps that float32 tells apart below 1; so a draw never reaches the end of the distribution.
DRAW_BITS = 24
# Lower ones are zero for float32; they mean the most likely token all the same.
MIN_TEMPERATURE = 1e-30
NEVER = -math.inf


@dataclass(frozen=True, slots=True)
class Choice:
    """A chosen token, its natural log-probability under the model, and the most likely ones with theirs."""

    id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


class Sampled(Protocol):
    """What the sampler needs of a sequence."""

    random: random.Random

    @property
    def sampling(self) -> Sampling:
        """How its tokens are chosen."""

    @property
    def top_n_tokens(self) -> int:
        """How many of the most likely tokens are wanted beside them."""

    @property
    def prompt(self) -> Sequence[int]:
        """What it began with."""

    @property
    def tokens(self) -> Sequence[int]:
        """Prompt and answer so far."""


def draw(source: random.Random) -> float:
    """A number from 0 up to, and without, 1."""
    return source.getrandbits(DRAW_BITS) / (1 << DRAW_BITS)


class BatchSampler:
    """For one composition of a batch: parameters as tensors, a row for each sequence. Made anew when it changes."""

    def __init__(self, sequences: Sequence[Sampled], device: torch.device, vocabulary: int) -> None:
        self._sequences = sequences
        self._device = device
        self._top_n = max((sequence.top_n_tokens for sequence in sequences), default=0)
        settings = [sequence.sampling for sequence in sequences]
        penalised = [row for row, one in enumerate(settings) if one.repetition_penalty != 1 or one.frequency_penalty]
        self._penalties = Penalties([sequences[row] for row in penalised], penalised, device, vocabulary)
        drawn = [row for row, one in enumerate(settings) if one.seed is not None]
        self._groups = [
            SampledRows([sequences[row] for row in rows], rows, device, cut=cut)
            for cut in (False, True)
            if (rows := [row for row in drawn if _cuts(settings[row]) == cut])
        ]
        self._only_greedy = not drawn

    def choose(self, logits: torch.Tensor, allowed: torch.Tensor | None = None) -> list[Choice]:
        """One token for each row of ``logits`` (rows × vocabulary); ``allowed`` is True where a token may be taken."""
        logits = logits.float()
        scores = self._penalties.apply(logits)
        if allowed is not None:
            scores = scores.masked_fill(~allowed, NEVER)
        chosen = scores.argmax(-1)
        for group in self._groups:
            group.choose(scores, chosen)
        self._penalties.count(chosen)
        return self._to_host(logits, chosen)

    def _to_host(self, logits: torch.Tensor, chosen: torch.Tensor) -> list[Choice]:
        total = logits.logsumexp(-1, keepdim=True)
        columns = [chosen[:, None]]
        probabilities = [logits.gather(-1, chosen[:, None])]
        if self._top_n:
            values, ids = logits.topk(self._top_n)
            columns.append(ids)
            probabilities.append(values)
        # As one tensor: the device is waited for once.
        bits = (torch.cat(probabilities, -1) - total).view(torch.int32)
        rows = torch.cat([torch.cat(columns, -1).int(), bits], -1).cpu()
        width = rows.shape[-1] // 2
        ids, logprobs = rows[:, :width].tolist(), rows[:, width:].contiguous().view(torch.float32).tolist()
        return [
            Choice(id_row[0], logprob_row[0], tuple(zip(id_row[1:], logprob_row[1:], strict=True))[: one.top_n_tokens])
            for one, id_row, logprob_row in zip(self._sequences, ids, logprobs, strict=True)
        ]


class Penalties:
    """Repetition and frequency penalties, for the rows that have one."""

    def __init__(self, sequences: Sequence[Sampled], rows: list[int], device: torch.device, vocabulary: int) -> None:
        self._rows = torch.tensor(rows, device=device, dtype=torch.long)
        self._any = bool(rows)
        if not rows:
            return
        self._repetition = _column([one.sampling.repetition_penalty for one in sequences], device)
        self._frequency = _column([one.sampling.frequency_penalty for one in sequences], device)
        answers = [one.tokens[len(one.prompt) :] for one in sequences]
        self._counts = torch.stack([_counts(answer, vocabulary) for answer in answers]).to(device)
        self._seen = torch.stack([_counts(one.tokens, vocabulary) > 0 for one in sequences]).to(device)
        self._ones = torch.ones((len(rows), 1), device=device)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits, lowered for tokens that were there before."""
        if not self._any:
            return logits
        scores = logits[self._rows]
        repeated = torch.where(scores < 0, scores * self._repetition, scores / self._repetition)
        scores = torch.where(self._seen, repeated, scores)
        return logits.index_copy(0, self._rows, scores - self._frequency * self._counts)

    def count(self, chosen: torch.Tensor) -> None:
        """Remember the tokens of this step."""
        if self._any:
            tokens = chosen[self._rows][:, None]
            self._counts.scatter_add_(1, tokens, self._ones)
            self._seen.scatter_(1, tokens, value=True)


class SampledRows:
    """Rows that are sampled from, all with or all without cuts, which need the tokens in order."""

    def __init__(self, sequences: Sequence[Sampled], rows: list[int], device: torch.device, *, cut: bool) -> None:
        self._sequences = sequences
        self._rows = torch.tensor(rows, device=device, dtype=torch.long)
        self._device = device
        settings = [one.sampling for one in sequences]
        self._temperature = _column([max(one.temperature, MIN_TEMPERATURE) for one in settings], device)
        self._cuts = Cuts(settings, device) if cut else None

    def choose(self, scores: torch.Tensor, chosen: torch.Tensor) -> None:
        """Put a token for each of the rows into ``chosen``."""
        scores = scores[self._rows]
        # The most likely one at 0: a low temperature then cannot overflow.
        scores = (scores - scores.amax(-1, keepdim=True)) / self._temperature
        draws = _column([draw(one.random) for one in self._sequences], self._device)
        if self._cuts is None:
            tokens = _at(scores.softmax(-1), draws)
        else:
            scores, order = scores.sort(-1, descending=True)
            tokens = order.gather(-1, _at(self._cuts.apply(scores), draws))
        chosen.index_copy_(0, self._rows, tokens[:, 0])


class Cuts:
    """top_k, top_p and typical_p over scores in descending order."""

    def __init__(self, settings: Sequence[Sampling], device: torch.device) -> None:
        # A row without top_k keeps all: no vocabulary is that large.
        self._top_k = _column([one.top_k or 2**24 for one in settings], device)
        self._top_p = _column([one.top_p for one in settings], device)
        self._typical_p = _column([one.typical_p for one in settings], device)
        self._any_top_p = any(one.top_p < 1 for one in settings)
        self._any_typical_p = any(one.typical_p < 1 for one in settings)

    def apply(self, scores: torch.Tensor) -> torch.Tensor:
        """Probabilities of what is left; in every row something is."""
        ranks = torch.arange(scores.shape[-1], device=scores.device, dtype=torch.float32)
        probabilities = scores.masked_fill(ranks >= self._top_k, NEVER).softmax(-1)
        if self._any_top_p:
            before = probabilities.cumsum(-1) - probabilities
            cut = (before >= self._top_p) & (self._top_p < 1)
            probabilities = _renormalised(probabilities.masked_fill(cut, 0))
        if self._any_typical_p:
            cut = self._atypical(probabilities) & (self._typical_p < 1)
            probabilities = _renormalised(probabilities.masked_fill(cut, 0))
        return probabilities

    def _atypical(self, probabilities: torch.Tensor) -> torch.Tensor:
        """All but the tokens whose information is closest to the expected one, up to the mass asked for."""
        information = -probabilities.log()
        expected = (probabilities * information).nan_to_num(0).sum(-1, keepdim=True)
        distance = (information - expected).abs()
        nearest, order = distance.sort(-1)
        mass = probabilities.gather(-1, order).cumsum(-1)
        last = (mass < self._typical_p).sum(-1, keepdim=True).clamp(max=distance.shape[-1] - 1)
        return distance > nearest.gather(-1, last)


def _cuts(sampling: Sampling) -> bool:
    return sampling.top_k > 0 or sampling.top_p < 1 or sampling.typical_p < 1


def _counts(tokens: Sequence[int], vocabulary: int) -> torch.Tensor:
    return torch.bincount(torch.tensor(tokens, dtype=torch.long), minlength=vocabulary).float()


def _column(values: Sequence[Any], device: torch.device) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).to(device, non_blocking=True)[:, None]


def _renormalised(probabilities: torch.Tensor) -> torch.Tensor:
    return probabilities / probabilities.sum(-1, keepdim=True)


def _at(probabilities: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """The column in each row whose part of the distribution the draw falls into."""
    cumulative = probabilities.cumsum(-1)
    place = torch.searchsorted(cumulative, draws * cumulative[:, -1:], right=True)
    return place.clamp(max=probabilities.shape[-1] - 1)
