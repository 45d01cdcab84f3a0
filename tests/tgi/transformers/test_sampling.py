"""The sampler against transformers' own, and against the frequencies it promises. No model."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from transformers.generation import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from tgi.engines.base import Sampling
from tgi.engines.transformers_sampling import BatchSampler, Choice, draw

VOCABULARY = 40
CPU = torch.device("cpu")


@dataclass
class Drawn:
    """A sequence, as the sampler sees it."""

    sampling: Sampling
    prompt: Sequence[int] = ()
    answer: list[int] = field(default_factory=list)
    top_n_tokens: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.sampling.seed)  # noqa: S311 - repeatable is the point

    @property
    def tokens(self) -> list[int]:
        return [*self.prompt, *self.answer]


def logits(rows: int = 1) -> torch.Tensor:
    return torch.randn((rows, VOCABULARY), generator=torch.Generator().manual_seed(3)) * 3


def choose(given: torch.Tensor, *sequences: Drawn, allowed: torch.Tensor | None = None) -> list[Choice]:
    return BatchSampler(sequences, CPU, VOCABULARY).choose(given, allowed)


def frequencies(given: torch.Tensor, sampling: Sampling, prompt: Sequence[int], draws: int = 4000) -> torch.Tensor:
    """How often each token is drawn, one step of as many rows."""
    sequences = [Drawn(sampling, prompt) for _ in range(draws)]
    for number, sequence in enumerate(sequences):
        sequence.random.seed(number)
    counted = Counter(choice.id for choice in choose(given.expand(draws, -1), *sequences))
    return torch.tensor([counted[token] / draws for token in range(VOCABULARY)])


@pytest.mark.parametrize(
    ("settings", "processors"),
    [
        ({}, []),
        ({"temperature": 0.5}, [TemperatureLogitsWarper(0.5)]),
        ({"temperature": 3.0}, [TemperatureLogitsWarper(3.0)]),
        ({"top_k": 4}, [TopKLogitsWarper(4)]),
        ({"top_p": 0.7}, [TopPLogitsWarper(0.7)]),
        ({"typical_p": 0.4}, [TypicalLogitsWarper(0.4)]),
        ({"repetition_penalty": 1.8}, [RepetitionPenaltyLogitsProcessor(1.8)]),
        (
            {"repetition_penalty": 0.6, "temperature": 2.0, "top_k": 12, "top_p": 0.9, "typical_p": 0.8},
            [
                RepetitionPenaltyLogitsProcessor(0.6),
                TemperatureLogitsWarper(2.0),
                TopKLogitsWarper(12),
                TopPLogitsWarper(0.9),
                TypicalLogitsWarper(0.8),
            ],
        ),
    ],
)
def test_tokens_are_drawn_as_transformers_would(settings: dict[str, Any], processors: list[Any]):
    prompt = [3, 7, 7, 11]
    expected = LogitsProcessorList(processors)(torch.tensor([prompt]), logits()).softmax(-1)[0]
    drawn = frequencies(logits(), Sampling(seed=0, **settings), prompt)
    assert (drawn[expected == 0] == 0).all()
    # Four standard deviations of 4000 draws.
    assert ((drawn - expected).abs() < 4 * (expected * (1 - expected) / 4000).sqrt() + 1e-3).all()


def test_the_frequency_penalty_takes_off_for_every_time_in_the_answer():
    given = torch.zeros((1, VOCABULARY))
    given[0, 5], given[0, 6] = 2.5, 1.0
    penalised = Sampling(frequency_penalty=1.0)
    assert choose(given, Drawn(penalised, prompt=[5, 5, 5]))[0].id == 5
    assert choose(given, Drawn(penalised, answer=[5]))[0].id == 5
    assert choose(given, Drawn(penalised, answer=[5, 5]))[0].id == 6


def test_a_sampler_counts_what_it_chose_itself():
    given = torch.zeros((1, VOCABULARY))
    given[0, 5], given[0, 6] = 2.5, 1.9
    sampler = BatchSampler([Drawn(Sampling(frequency_penalty=0.5))], CPU, VOCABULARY)
    assert [sampler.choose(given)[0].id for _ in range(4)] == [5, 5, 6, 5]
    sampler = BatchSampler([Drawn(Sampling(repetition_penalty=2.0))], CPU, VOCABULARY)
    assert [sampler.choose(given)[0].id for _ in range(2)] == [5, 6]


def test_rows_do_not_mix():
    given = logits(4)
    sequences = [
        Drawn(Sampling()),
        Drawn(Sampling(seed=1)),
        Drawn(Sampling(seed=2, top_p=0.5)),
        Drawn(Sampling(repetition_penalty=9.0), prompt=[int(given[3].argmax())]),
    ]
    together = choose(given, *sequences)
    alone = [choose(given[row : row + 1], Drawn(one.sampling, one.prompt))[0].id for row, one in enumerate(sequences)]
    assert [choice.id for choice in together] == alone
    assert alone[0] == int(given[0].argmax())
    assert alone[3] != int(given[3].argmax())


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(seed=1, temperature=50.0), Sampling(seed=1, top_p=0.01)])
def test_only_what_is_allowed_is_chosen(sampling: Sampling):
    allowed = torch.zeros((1, VOCABULARY), dtype=torch.bool)
    allowed[0, [8, 9]] = True
    assert {choose(logits(), Drawn(sampling), allowed=allowed)[0].id for _ in range(50)} <= {8, 9}


def test_alternatives_are_the_likeliest_with_the_models_own_probabilities():
    (choice,) = choose(logits(), Drawn(Sampling(seed=1, temperature=9.0), top_n_tokens=3))
    values, best = logits().log_softmax(-1)[0].topk(3)
    assert [token for token, _ in choice.top] == best.tolist()
    assert [logprob for _, logprob in choice.top] == pytest.approx(values.tolist(), abs=1e-5)
    assert choice.logprob == pytest.approx(logits().log_softmax(-1)[0, choice.id].item(), abs=1e-5)


def test_a_draw_never_reaches_one():
    class Last(random.Random):
        def getrandbits(self, k: int) -> int:
            return (1 << k) - 1

    sequence = Drawn(Sampling(seed=1))
    sequence.random = Last()
    assert draw(sequence.random) < 1
    given = torch.full((1, VOCABULARY), -torch.inf)
    given[0, :3] = 0.1
    # Two thirds, not a token of no probability behind it.
    assert choose(given, sequence)[0].id == 2
