"""A long conversation's pages: the newest turns, earlier ones, another path; and the list of chats beside them.

python -m bench.pages [--interactions 1000] [--repeats 50]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass
from uuid import UUID

import psycopg
import uvloop

from bench.http import Failed, request
from bench.stack import Site, site
from bench.streaming import triple

# Every so many turns one was asked again, and one of those again.
SIBLING_EVERY = 5
ANSWER = """\
Some **bold** text with `code` and a [link](https://example.com/) in a paragraph of usual length, as models write them.

- one point
- another point, with *emphasis*

```python
def add(left: int, right: int) -> int:
    return left + right
```

| left | right |
|------|-------|
| 1    | 2     |
"""

FILL = """
WITH session AS (
    INSERT INTO chat_chatsession
        (id, owner_id, title, system_prompt, parameters, pinned, archived, created, updated)
    SELECT gen_random_uuid(), id, 'Long', '', '{}', false, false, clock_timestamp(), clock_timestamp()
    FROM accounts_user ORDER BY id LIMIT 1
    RETURNING id
), turns AS (
    SELECT n, n %% %(every)s = 0 AS is_sibling, gen_random_uuid() AS id FROM generate_series(1, %(count)s) AS n
), placed AS (
    SELECT turns.*, lag(id) OVER (ORDER BY is_sibling, n) AS before FROM turns
)
INSERT INTO chat_interaction (
    id, session_id, parent_id, query_text, parameters, status, final_response_text, error_code, error_message,
    finish_reason, model_id, dropped_turns, lease_owner, attempts, stop_requested, created, generated_tokens,
    first_token_ms, duration_ms)
SELECT placed.id, session.id,
    CASE WHEN is_sibling THEN (SELECT p.id FROM placed p WHERE NOT p.is_sibling AND p.n < placed.n - 1
                               ORDER BY p.n DESC LIMIT 1)
         ELSE before END,
    'Question ' || n, '{}', 'complete', %(answer)s, '', '', 'stop', 'bench', 0, '', 1, false,
    clock_timestamp() - make_interval(secs => CASE WHEN is_sibling THEN 100000 ELSE 0 END + %(count)s - n),
    100, 50, 2000
FROM placed, session
RETURNING session_id, id, query_text
"""


@dataclass(frozen=True, slots=True)
class Chat:
    """A long conversation: its address, and an interaction in the middle of it."""

    path: str
    middle: UUID


def fill(target: Site, interactions: int) -> Chat:
    """A conversation of so many interactions for the first account."""
    with psycopg.connect(target.database_url) as connection:
        rows = connection.execute(FILL, {"count": interactions, "every": SIBLING_EVERY, "answer": ANSWER}).fetchall()
        connection.commit()
        connection.autocommit = True
        connection.execute("ANALYZE chat_interaction")
    middle = f"Question {interactions // 2 + 1}"
    return Chat(f"/chat/{rows[0][0]}/", next(row[1] for row in rows if row[2] == middle))


async def get(target: Site, path: str, *, htmx: bool = False) -> tuple[float, int]:
    """How long a page took, in seconds, and its bytes."""
    headers = {"Cookie": f"sessionid={target.accounts[0].session_cookie}"}
    if htmx:
        headers["HX-Request"] = "true"
    start = time.monotonic()
    response = await request(target.port, "GET", path, headers=headers)
    body = await response.body()
    took = time.monotonic() - start
    response.close()
    if response.status != 200:
        raise Failed(f"GET {path} answered {response.status}")
    return took, len(body)


async def run(target: Site, options: argparse.Namespace) -> None:
    chat = await asyncio.to_thread(fill, target, options.interactions)
    pages = {
        "an empty chat": ("/chat/", False),
        "the newest turns": (chat.path, False),
        "earlier ones, by HTMX": (f"{chat.path}?before={chat.middle}", True),
        "the middle, as a page": (f"{chat.path}?at={chat.middle}", False),
    }
    print(f"a chat of {options.interactions} interactions, p50/p95/p99 of {options.repeats}, one after the other")
    for name, (path, htmx) in pages.items():
        for _ in range(5):  # the first request of a process compiles templates and opens connections
            await get(target, path, htmx=htmx)
        found = [await get(target, path, htmx=htmx) for _ in range(options.repeats)]
        print(
            f"{name:24} {triple([took for took, _ in found]):>12} ms | {found[0][1] / 1000:.1f} kB of HTML", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interactions", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=50)
    options = parser.parse_args()
    with site(accounts=1, processes=1, engine=["--tokens", "1"]) as target:
        uvloop.run(run(target, options))


if __name__ == "__main__":
    main()
