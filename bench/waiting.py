"""Calls that wait: many at once to one web process, each for seconds until the model's first token, while people open
pages. A waiting call should hold a socket and nothing else: no thread, no connection to the database.

python -m bench.waiting [--calls 300] [--first-token-ms 5000] [--ways api,api-stream,v1,v1-stream]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import dataclass, field

import psycopg
import uvloop

from bench.followers import JSON, Account
from bench.http import Failed, request
from bench.stack import Site, site, statements, superuser
from bench.streaming import fetch_pages, triple

TOKENS = 20
INTERVAL_MS = 20
PAGE_EVERY_S = 0.05
SAMPLE_EVERY_S = 0.25

# Connections of the site, and how many of them do something or hold a transaction.
CONNECTIONS = """
SELECT count(*), count(*) FILTER (WHERE state <> 'idle') FROM pg_stat_activity
WHERE application_name = 'parley' AND pid <> pg_backend_pid()
"""

CHAT: dict[str, object] = {"message": "Hi"}
COMPLETION: dict[str, object] = {"model": "tgi", "messages": [{"role": "user", "content": "Hi"}]}
# Path, body, and what the body of a whole answer ends with.
WAYS: dict[str, tuple[str, dict[str, object], bytes]] = {
    "api": ("/api/chat/", CHAT, b'"complete"'),
    "api-stream": ("/api/chat/", CHAT | {"stream": True}, b"event: done"),
    "v1": ("/v1/chat/completions", COMPLETION, b'"stop"'),
    "v1-stream": ("/v1/chat/completions", COMPLETION | {"stream": True}, b"data: [DONE]"),
}


@dataclass(slots=True)
class Sample:
    """What the web process has while all calls wait."""

    threads: int
    connections: int
    busy: int
    memory: int


@dataclass(slots=True)
class Run:
    """One way of asking, by all callers at once. Times in seconds."""

    answered: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    cpu_s: float = 0.0
    statements: int = 0


async def call(target: Site, account: Account, way: str) -> float:
    """Ask and read the answer to its end. Returns how long it took."""
    path, body, whole = WAYS[way]
    start = time.monotonic()
    headers = JSON | {"Authorization": f"Bearer {account.access}"}
    response = await request(target.port, "POST", path, headers=headers, body=json.dumps(body).encode())
    content = await response.body()
    response.close()
    if response.status != 200 or whole not in content:
        raise Failed(f"POST {path} answered {response.status}: {content[:200]!r}")
    return time.monotonic() - start


def sample(target: Site) -> Sample:
    [web] = target.groups["site"]
    with psycopg.connect(superuser(target.database_url), application_name="bench") as connection:
        connections, busy = connection.execute(CONNECTIONS).fetchone() or (0, 0)
    return Sample(web.num_threads(), connections, busy, web.memory_full_info().uss)


async def watch(target: Site, samples: list[Sample]) -> None:
    while True:
        samples.append(await asyncio.to_thread(sample, target))
        await asyncio.sleep(SAMPLE_EVERY_S)


async def measure(target: Site, way: str, calls: int, first_token_s: float) -> Run:
    run = Run()
    asked_before = await asyncio.to_thread(statements, target.database_url)
    cpu_before = target.usage()["site"].cpu_s
    paging = asyncio.create_task(fetch_pages(target, run.pages, every_s=PAGE_EVERY_S))
    asking = [asyncio.create_task(call(target, account, way)) for account in target.accounts[:calls]]
    # They have all been taken in by then, and none is answered yet.
    await asyncio.sleep(first_token_s * 0.6)
    watching = asyncio.create_task(watch(target, run.samples))
    await asyncio.sleep(first_token_s * 0.3)
    watching.cancel()
    for outcome in await asyncio.gather(*asking, return_exceptions=True):
        if isinstance(outcome, BaseException):
            run.errors.append(outcome)
        else:
            run.answered.append(outcome)
    paging.cancel()
    await asyncio.gather(paging, return_exceptions=True)
    run.cpu_s = target.usage()["site"].cpu_s - cpu_before
    run.statements = await asyncio.to_thread(statements, target.database_url) - asked_before
    return run


def show(way: str, calls: int, run: Run, before: Sample) -> None:
    most = Sample(*(max(getattr(one, name) for one in run.samples) for name in Sample.__slots__))
    if run.errors:
        print(f"    {way}: first error: {run.errors[0]!r}")
    print(
        f"{way:10} {calls:4} calls | errors {len(run.errors)} | answered {triple(run.answered):>15} ms | "
        f"page {triple(run.pages):>12} ms of {len(run.pages)} | threads {before.threads} → {most.threads} | "
        f"database connections {most.connections}, in use {most.busy} | "
        f"MB {before.memory >> 20} → {most.memory >> 20} | cpu-s {run.cpu_s:.2f} | SQL {run.statements}",
        flush=True,
    )


async def run(options: argparse.Namespace, target: Site) -> None:
    ways = options.ways.split(",")
    # The first requests of a process compile templates, open connections and start threads.
    await asyncio.gather(*(call(target, account, way) for way in ways for account in target.accounts[:2]))
    for way in ways:
        before = await asyncio.to_thread(sample, target)
        found = await measure(target, way, options.calls, options.first_token_ms / 1000)
        show(way, options.calls, found, before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--first-token-ms", type=float, default=5000)
    parser.add_argument("--ways", default=",".join(WAYS))
    options = parser.parse_args()
    engine = ["--tokens", str(TOKENS), "--interval-ms", str(INTERVAL_MS)]
    engine += ["--first-token-ms", str(options.first_token_ms)]
    with site(accounts=options.calls + 1, processes=1, engine=engine) as target:
        uvloop.run(run(options, target))


if __name__ == "__main__":
    main()
