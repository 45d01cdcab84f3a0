"""The transformers engine by itself: tokens per second, and the wait for the first one, with more and more streams.

    python -m bench.transformers_engine [--streams 1,8,32,128] [--model-id owner/name] [--device cuda]

Every stream gets a prompt of its own and writes to its limit. On a GPU nothing needs to be said; on a CPU fewer
streams and tokens are enough, and are what it takes without arguments there.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from contextlib import aclosing
from dataclasses import dataclass
from itertools import pairwise

from tgi.engines.base import Job, Sampling
from tgi.engines.transformers import TransformersEngine, TransformersOptions
from tgi.models import resolve

GPU_STREAMS, CPU_STREAMS = (1, 8, 32, 128), (1, 4, 8)
GPU_TOKENS, CPU_TOKENS = 256, 48
# Long enough that no end of a turn comes first by chance; what is sampled is measured, as chats do.
PROMPT = "Write a very long story about number {number}, without an end.\n"


@dataclass(frozen=True, slots=True)
class Level:
    """What so many streams together got."""

    streams: int
    tokens_per_second: float
    first_token_ms: float
    token_ms: float


async def measure(engine: TransformersEngine, streams: int, tokens: int) -> Level:
    """All streams at once, from the first one's beginning to the last one's end."""
    prompts = [await engine.encode(PROMPT.format(number=number)) for number in range(streams)]
    started = time.perf_counter()

    async def stream(number: int) -> list[float]:
        job = Job(prompts[number], tokens, Sampling(seed=number, temperature=0.8, top_p=0.95))
        async with aclosing(engine.generate(job)) as answer:
            return [time.perf_counter() - started async for _ in answer]

    times = await asyncio.gather(*map(stream, range(streams)))
    gaps = [later - earlier for one in times for earlier, later in pairwise(one)]
    return Level(
        streams,
        sum(map(len, times)) / (time.perf_counter() - started),
        statistics.median(one[0] for one in times) * 1000,
        statistics.median(gaps) * 1000,
    )


async def run(options: argparse.Namespace) -> None:
    model = resolve(options.model_id, folders=True)
    levels = tuple(map(int, options.streams.split(","))) if options.streams else ()
    engine = TransformersEngine(
        TransformersOptions(
            model.path,
            device=options.device,
            dtype=options.dtype,
            threads=options.threads,
            slots=max(levels, default=None),
        )
    )
    await engine.start()
    on_gpu = engine.device == "gpu"
    tokens = options.tokens or (GPU_TOKENS if on_gpu else CPU_TOKENS)
    await measure(engine, 2, 8)
    print(f"{model.id} on {engine.description}, {tokens} tokens a stream\n")
    print("| streams | tokens/s | tokens/s each | first token, ms | a token, ms |")
    print("|---:|---:|---:|---:|---:|")
    for streams in levels or (GPU_STREAMS if on_gpu else CPU_STREAMS):
        level = await measure(engine, streams, tokens)
        total, each = level.tokens_per_second, level.tokens_per_second / streams
        print(
            f"| {streams} | {total:.0f} | {each:.1f} | {level.first_token_ms:.0f} | {level.token_ms:.1f} |", flush=True
        )
    await engine.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-id", help="as for the server; the bundled model by default")
    parser.add_argument("--streams", help="how many at once, separated by commas")
    parser.add_argument("--tokens", type=int, help="per stream")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype")
    parser.add_argument("--threads", type=int)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
