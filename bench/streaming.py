"""Many answers at once: the engine directly and through Parley, side by side.

python -m bench.streaming [--levels 1,10,50,100,300] [--tokens-per-second 50] [--processes 1]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass

import psycopg
import uvloop

from bench import followers
from bench.followers import STAMP, Followed, Follower
from bench.http import Failed, request
from bench.stack import Site, site, statements

# The answers of a level start within this time, as people do not press Enter in the same millisecond.
RAMP_S = 1.0
PAGE_EVERY_S = 0.25
# One answer alone is asked for several times, one after the other: of one there are no percentiles.
ROUNDS_OF_ONE = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    level: int
    answers: list[Followed]
    errors: int
    wall_s: float
    pages: list[float]
    cpu_s: dict[str, float]
    memory: dict[str, int]
    statements: int
    missing: int

    @property
    def rate(self) -> float:
        """Tokens delivered a second."""
        return sum(one.tokens for one in self.answers) / self.wall_s


async def measure(name: str, follow: Follower, level: int, target: Site, expected: int) -> Row:
    """Run one level: `level` answers, each to its end; meanwhile a page is fetched now and then."""
    before, asked_before = target.usage(), await asyncio.to_thread(statements, target.database_url)
    pages: list[float] = []
    watcher = asyncio.create_task(fetch_pages(target, pages, every_s=PAGE_EVERY_S))
    start = time.monotonic()
    results: list[Followed | BaseException] = []
    for _ in range(ROUNDS_OF_ONE if level == 1 else 1):
        results += await asyncio.gather(
            *(_later(follow, target, number, level) for number in range(level)), return_exceptions=True
        )
    wall = time.monotonic() - start
    watcher.cancel()
    after, asked_after = target.usage(), await asyncio.to_thread(statements, target.database_url)
    answers = [one for one in results if isinstance(one, Followed)]
    errors = [one for one in results if not isinstance(one, Followed)]
    if errors:
        print(f"    {name} {level}: first error: {errors[0]!r}")
    return Row(
        name,
        level,
        answers,
        len(errors),
        wall,
        pages,
        {group: after[group].cpu_s - before[group].cpu_s for group in after},
        {group: after[group].memory for group in after},
        asked_after - asked_before,
        await asyncio.to_thread(_missing, target, answers, expected),
    )


async def _later(follow: Follower, target: Site, number: int, level: int) -> Followed:
    await asyncio.sleep(RAMP_S * number / level)
    return await follow(target.accounts[number])


async def fetch_pages(target: Site, pages: list[float], *, every_s: float) -> None:
    """Open the page of a new chat again and again, and note how many seconds each took."""
    account = target.accounts[-1]
    cookie = {"Cookie": f"sessionid={account.session_cookie}"}
    while True:
        start = time.monotonic()
        response = await request(target.port, "GET", "/chat/", headers=cookie)
        await response.body()
        response.close()
        if response.status != 200:
            raise Failed(f"GET /chat/ answered {response.status}")
        pages.append(time.monotonic() - start)
        await asyncio.sleep(every_s)


def _missing(target: Site, answers: list[Followed], expected: int) -> int:
    """Tokens missing from what was delivered or, where it is saved, from the saved text."""
    missing = sum(abs(expected - one.tokens) for one in answers)
    keys = [one.key for one in answers if one.key]
    if keys:
        with psycopg.connect(target.database_url) as connection:
            rows = connection.execute(
                "SELECT status, final_response_text FROM chat_interaction WHERE id = ANY(%s::uuid[])", [keys]
            ).fetchall()
        missing += expected * (len(keys) - len(rows))
        missing += sum(abs(expected - len(STAMP.findall(text.encode()))) for _, text in rows)
        missing += sum(expected for status, _ in rows if status != "complete")
    return missing


def percentile(values: list[float], share: float) -> float:
    """0 for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def triple(values: list[float]) -> str:
    """p50/p95/p99 in milliseconds."""
    return "/".join(f"{percentile(values, share) * 1000:.0f}" for share in (0.5, 0.95, 0.99))


def show(row: Row, yardstick: Row | None) -> None:
    tokens = sum(one.tokens for one in row.answers)
    first = [one.arrivals[0] - one.asked for one in row.answers if one.arrivals]
    gaps = [b - a for one in row.answers for a, b in zip(one.arrivals, one.arrivals[1:], strict=False)]
    delays = [delay for one in row.answers for delay in one.delays]
    rate = row.rate
    ratio = f"{rate / yardstick.rate:.3f}" if yardstick else "1"
    cpu = " ".join(f"{group} {seconds:.1f}" for group, seconds in row.cpu_s.items())
    memory = " ".join(f"{group} {size >> 20}" for group, size in row.memory.items() if group in {"site", "postgres"})
    print(
        f"{row.name:8} {row.level:4} | first {triple(first):>14} | gap {triple(gaps):>12} | "
        f"late {triple(delays):>12} | "
        f"{rate:7.0f} tok/s ×{ratio} | errors {row.errors} missing {row.missing} | page {triple(row.pages):>11} | "
        f"cpu-s {cpu} | site CPU ms/1000 tok {row.cpu_s['site'] / max(tokens, 1) * 1e6:.0f} | MB {memory} | "
        f"SQL/s {row.statements / row.wall_s:.0f}",
        flush=True,
    )


async def run(options: argparse.Namespace, target: Site) -> None:
    ways = {
        "direct": followers.direct(target.engine_port),
        "api": followers.api(target.port),
        "browser": followers.browser(target.port),
    }
    # The first request of a process compiles templates and opens connections; that is no measure of the rest.
    for follow in ways.values():
        await asyncio.gather(*(follow(account) for account in target.accounts[: 4 * options.processes]))
    for level in [int(part) for part in options.levels.split(",")]:
        yardstick = None
        for name, follow in ways.items():
            if name in options.ways.split(","):
                row = await measure(name, follow, level, target, options.tokens)
                show(row, yardstick)
                yardstick = yardstick or (row if name == "direct" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", default="1,10,50,100,300")
    parser.add_argument("--ways", default="direct,api,browser")
    parser.add_argument("--tokens", type=int, default=250)
    parser.add_argument("--tokens-per-second", type=float, default=50)
    parser.add_argument("--first-token-ms", type=float, default=50)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    engine = ["--tokens", str(options.tokens), "--first-token-ms", str(options.first_token_ms)]
    engine += ["--interval-ms", str(1000 / options.tokens_per_second)]
    most = max(int(part) for part in options.levels.split(","))
    with site(accounts=max(most + 1, 4 * options.processes), processes=options.processes, engine=engine) as target:
        uvloop.run(run(options, target))


if __name__ == "__main__":
    main()
