"""A job in the words of llama.cpp's completion requests."""

from collections.abc import Sequence
from typing import Any

from tgi.engines.base import Job, Sampling
from tgi.engines.llamacpp_grammar import compiled

# llama.cpp's seeds have 32 bits, and this one means "random".
RANDOM_SEED = 0xFFFFFFFF
# Added to a token's logit, it is the one that is taken.
CERTAIN = 1e9

_COMMON = {
    "stream": True,
    # Token ids and counts in every chunk, and a chunk for every step of the prompt (to stop it there).
    "verbose": True,
    "return_progress": True,
    "cache_prompt": True,
}


def generation(job: Job) -> dict[str, Any]:
    """Sample in TGI's order. What llama.cpp has defaults of its own for is set or switched off."""
    sampling = job.sampling
    return {
        **_COMMON,
        "prompt": job.prompt,
        "n_predict": job.max_new_tokens,
        "n_probs": max(job.top_n_tokens, int(job.logprobs)),
        "samplers": ["penalties", "temperature", "top_k", "top_p", "typ_p"],
        "temperature": 0.0 if sampling.seed is None else sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "typical_p": sampling.typical_p,
        "min_p": 0.0,
        "repeat_last_n": len(job.prompt) + job.max_new_tokens,
        "repeat_penalty": sampling.repetition_penalty,
        # TGI weighs a token by its share of the text so far, llama.cpp by how often it is there.
        "frequency_penalty": sampling.frequency_penalty / len(job.prompt),
        "seed": _fold_seed(sampling),
        "grammar": "" if job.grammar is None else compiled(job.grammar),
    }


def forced(prompt: Sequence[int], token: int) -> dict[str, Any]:
    """Make ``token`` the one that follows, and report its probability."""
    return {
        **_COMMON,
        "prompt": prompt,
        "n_predict": 1,
        "n_probs": 1,
        "samplers": [],
        "logit_bias": [[token, CERTAIN]],
    }


def _fold_seed(sampling: Sampling) -> int:
    if sampling.seed is None:
        return 0
    return min((sampling.seed ^ sampling.seed >> 32) & 0xFFFFFFFF, RANDOM_SEED - 1)
