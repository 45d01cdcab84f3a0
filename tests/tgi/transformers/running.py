"""Small models, jobs on an engine, and what its model is asked for."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from tgi.engines.base import Job, Token
from tgi.engines.transformers import TransformersEngine
from tgi.engines.transformers_gguf import GGUFFile
from tgi.models import resolve

LINES = 8
session_loop = pytest.mark.asyncio(loop_scope="session")

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 2048,
}


@cache
def bundled_tokenizer() -> PreTrainedTokenizerFast:
    return GGUFFile(resolve(None).path).tokenizer()


def save_small_model(kind: str, folder: Path, **settings: Any) -> Path:
    """A model of this kind with random weights, the same ones every time, and the bundled model's tokenizer."""
    tokenizer = bundled_tokenizer()
    marks = {"bos_token_id": 1, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 0}
    config = AutoConfig.for_model(kind, **{"vocab_size": len(tokenizer), **SIZES, **marks, **settings})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
        # Wide enough apart that the last bits decide nothing.
        for weights in model.parameters():
            if weights.dim() > 1:
                torch.nn.init.normal_(weights, std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


async def run(engine: TransformersEngine, job: Job) -> list[Token]:
    return await rest(engine.generate(job))


async def rest(tokens: AsyncGenerator[Token, None]) -> list[Token]:
    async with aclosing(tokens):
        return [token async for token in tokens]


async def run_all(engine: TransformersEngine, *jobs: Job) -> list[list[Token]]:
    return list(await asyncio.gather(*(run(engine, job) for job in jobs)))


async def ids(engine: TransformersEngine, job: Job) -> list[int]:
    return [token.id for token in await run(engine, job)]


async def text(engine: TransformersEngine, job: Job) -> str:
    return "".join(token.text for token in await run(engine, job))


async def idle(engine: TransformersEngine) -> None:
    """Wait until nothing has a place: who was cancelled has left before a later job gets its token."""
    await run(engine, Job([1], 1))
    assert engine.running == 0


def again(job: Job, **changes: Any) -> Job:
    """The same job, not started."""
    return replace(job, started=None, **changes)


def reference(engine: TransformersEngine, prompt: list[int], tokens: int) -> list[int]:
    """What transformers' own ``generate`` writes, greedily, for this prompt alone."""
    model = engine._loaded.model
    given = torch.tensor([prompt])
    with torch.inference_mode():
        output = model.generate(
            given, attention_mask=torch.ones_like(given), max_new_tokens=tokens, do_sample=False, pad_token_id=0
        )
    answer: list[int] = output[0, len(prompt) :].tolist()
    return answer


@contextmanager
def before_each_step(engine: TransformersEngine, call: Callable[[torch.Tensor], None]) -> Iterator[None]:
    """Call with the token ids of every step, in the scheduler's thread; what it raises is the step's failure."""

    def hook(module: torch.nn.Module, arguments: Any, keywords: dict[str, Any]) -> None:
        call(keywords["input_ids"])

    handle = engine._loaded.model.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()
