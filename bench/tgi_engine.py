"""The local inference server beside llama.cpp itself: tokens a second of 1, 2, 4 and 8 streams at once.

python -m bench.tgi_engine [--streams 1 2 4 8] [--tokens 64] [--repeats 3] [--threads N]

Three ways, over the same weights in the same build with the same number of threads, in turn, the best of all repeats
each: `llama.cpp` is its own loop in a process that does nothing else, its defaults left as they are; `generate` and
`chat` are `python -m tgi` over HTTP, with log-probabilities and without. Every answer is greedy and ends by its length,
so that all make the same number of tokens; a rate counts from the first request sent to the last token read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from bench.http import Failed, request
from tgi.models import resolve
from tgi.settings import default_threads

ANIMALS = ("fox", "bear", "crow", "whale", "snail", "horse", "mouse", "goat")
WAYS = ("llama.cpp", "generate", "chat")
Rate = Callable[[int], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 2, 4, 8], choices=range(1, len(ANIMALS) + 1))
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=default_threads())
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, {options.threads} threads; tokens/s, and the share of llama.cpp's own")
    with own_loop(options.threads, options.tokens) as alone, server(options.threads) as port:
        rates: dict[str, Rate] = {
            "llama.cpp": alone,
            "generate": lambda streams: uvloop.run(over_http(port, "/generate_stream", streams, options.tokens)),
            "chat": lambda streams: uvloop.run(over_http(port, "/v1/chat/completions", streams, options.tokens)),
        }
        print(f"{'streams':>7}" + "".join(f"{way:>18}" for way in WAYS))
        for streams in options.streams:
            best = measure(rates, streams, options.repeats)
            shares = [f"{best[way]:.1f} ({best[way] / best['llama.cpp']:.2f})" for way in WAYS]
            print(f"{streams:>7}" + "".join(f"{share:>18}" for share in shares), flush=True)


def measure(rates: dict[str, Rate], streams: int, repeats: int) -> dict[str, float]:
    """The best rate of each way. They take turns: another program's load meets them all."""
    rounds = [{way: rate(streams) for way, rate in rates.items()} for _ in range(repeats)]
    return {way: max(one[way] for one in rounds) for way in rates}


def story(animal: str) -> str:
    return f"Write a very long story about a {animal} that travels around the world."


# llama.cpp alone


@contextmanager
def own_loop(threads: int, tokens: int) -> Iterator[Rate]:
    """llama.cpp in a process of its own, which the server's work does not touch."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_own_loop, args=(theirs, threads, tokens))
    process.start()
    try:
        _check(ours)

        def rate(streams: int) -> float:
            ours.send(streams)
            return _check(ours)

        yield rate
    finally:
        process.kill()
        process.join()


def _check(connection: Connection) -> float:
    answer = connection.recv()
    if not isinstance(answer, float):
        raise Failed(answer)
    return answer


def _own_loop(connection: Connection, threads: int, tokens: int) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(resolve(None).path)
    params.n_parallel = len(ANIMALS)
    params.n_ctx = 16384
    params.kv_unified = True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = 1
    server = xllamacpp.Server(params)
    connection.send(0.0)
    while True:
        streams = connection.recv()
        counts = [0] * streams
        callers = [threading.Thread(target=_generate, args=(server, counts, index, tokens)) for index in range(streams)]
        start = time.monotonic()
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        rate = sum(counts) / (time.monotonic() - start)
        connection.send(rate if counts == [tokens] * streams else f"llama.cpp made {counts} tokens")


def _generate(server: object, counts: list[int], index: int, tokens: int) -> None:
    body = {
        "prompt": f"<|im_start|>user\n{story(ANIMALS[index])}<|im_end|>\n<|im_start|>assistant\n",
        "n_predict": tokens,
        "stream": True,
        "temperature": 0,
        "ignore_eos": True,
    }

    last = b""

    def on_data(data: bytes) -> bool:
        nonlocal last
        last = data
        return False

    server.handle_completions(json.dumps(body).encode(), on_data)  # type: ignore[attr-defined]
    counts[index] = json.loads(last)["usage"]["completion_tokens"]


# The server


@contextmanager
def server(threads: int) -> Iterator[int]:
    """`python -m tgi` as it is started by default; its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "tgi", "--port", "0", "--threads", str(threads)],
        cwd=Path(__file__).parents[1],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield _port(process.stderr or ())
        finally:
            process.kill()


def _port(lines: Sequence[str] | Iterator[str]) -> int:
    for line in lines:
        if match := re.search(r"Serving .*:(\d+)$", line):
            return int(match[1])
    raise Failed("the server did not start")


async def over_http(port: int, path: str, streams: int, tokens: int) -> float:
    start = time.monotonic()
    await asyncio.gather(*(_read_answer(port, path, animal, tokens) for animal in ANIMALS[:streams]))
    return streams * tokens / (time.monotonic() - start)


async def _read_answer(port: int, path: str, animal: str, tokens: int) -> None:
    if path == "/generate_stream":
        prompt = f"<|im_start|>user\n{story(animal)}<|im_end|>\n<|im_start|>assistant\n"
        body: dict[str, object] = {"inputs": prompt, "parameters": {"max_new_tokens": tokens}}
    else:
        messages = [{"role": "user", "content": story(animal)}]
        body = {"messages": messages, "max_tokens": tokens, "temperature": 0, "stream": True}
    headers = {"Content-Type": "application/json"}
    response = await request(port, "POST", path, headers=headers, body=json.dumps(body).encode())
    received = b"".join([piece async for piece in response.pieces()])
    response.close()
    events = received.count(b"data: {")
    if response.status != 200 or events != tokens:
        raise Failed(f"{path} answered {response.status} with {events} events: {received[-300:]!r}")


if __name__ == "__main__":
    main()
