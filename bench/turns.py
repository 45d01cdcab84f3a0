"""Short answers: how many whole turns a second (post, a 20-token answer, saved), for 16 clients that never pause.

python -m bench.turns [--seconds 10] [--clients 16] [--processes 2]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import dataclass, field

import psycopg
import uvloop

from bench.http import Failed, request
from bench.stack import Site, site, statements
from bench.streaming import triple

TOKENS = 20


@dataclass(slots=True)
class Client:
    """One client's turns: how long each took, in seconds, and what it left behind."""

    target: Site
    number: int
    took: list[float] = field(default_factory=list)

    async def run(self, until: float) -> None:
        account = self.target.accounts[self.number]
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {account.access}"}
        while time.monotonic() < until:
            start = time.monotonic()
            response = await request(self.target.port, "POST", "/api/chat/", headers=headers, body=b'{"message": "Hi"}')
            body = await response.body()
            response.close()
            if response.status != 200 or json.loads(body)["status"] != "complete":
                raise Failed(f"POST /api/chat/ answered {response.status}: {body[:200]!r}")
            self.took.append(time.monotonic() - start)


async def run(target: Site, options: argparse.Namespace) -> None:
    clients = [Client(target, number) for number in range(options.clients)]
    before, asked = target.usage(), await asyncio.to_thread(statements, target.database_url)
    start = time.monotonic()
    await asyncio.gather(*(client.run(start + options.seconds) for client in clients))
    wall = time.monotonic() - start
    after = target.usage()
    turns = [took for client in clients for took in client.took]
    cpu = " ".join(f"{name} {(after[name].cpu_s - before[name].cpu_s) / len(turns) * 1000:.1f}" for name in after)
    asked = await asyncio.to_thread(statements, target.database_url) - asked
    print(
        f"{len(turns) / wall:.0f} turns/s | took {triple(turns)} ms | CPU ms a turn: {cpu} | "
        f"{asked / len(turns):.1f} statements a turn | not saved: {_not_saved(target, len(turns))}"
    )


def _not_saved(target: Site, turns: int) -> int:
    with psycopg.connect(target.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM chat_interaction WHERE status = 'complete'").fetchone()
        return turns - int(row[0]) if row else turns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    engine = ["--tokens", str(TOKENS), "--first-token-ms", "1", "--interval-ms", "1"]
    with site(accounts=options.clients, processes=options.processes, engine=engine) as target:
        uvloop.run(run(target, options))


if __name__ == "__main__":
    main()
