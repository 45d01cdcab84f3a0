"""How long searching takes: `python -m bench.search`, among 100,000 interactions, four in five of one user.

A durable Postgres as `make run` starts it, filled with texts whose words are as unevenly common as a language's. For
each kind of search the time of the whole domain function is printed; and what the indexes add to the end of an answer.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from bench.stack import REPOSITORY, database

REPEATS = 30
INDEXES = "('interaction_words', 'interaction_parts')"
TURNS_PER_SESSION = 20
VOCABULARY = 30_000
SYLLABLES = ("ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu zen tion ing ment").split()  # noqa: SIM905 - reads better than 23 quoted ones
CHINESE = "今天气很好我想知道苹果什么时候成熟请告诉谢在哪里可以买到新鲜的梅子和"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, default=100_000, help="in all")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder, database(Path(folder)) as (url, _):
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SECRET_KEY": "for the benchmark only" * 3,
            "DATA_DIR": folder,
            "DATABASE_URL": url,
        }
        _prepare()
        words = _fill(url, arguments.interactions)
        _measure(words)
        _measure_end(url)


def _prepare() -> None:
    env = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'site'}:{REPOSITORY}"}
    subprocess.run([sys.executable, "site/manage.py", "migrate", "-v0"], cwd=REPOSITORY, env=env, check=True)


def _fill(url: str, count: int) -> list[str]:
    """Write the interactions. Returns the vocabulary, the commonest word first."""
    chance = random.Random(7)  # noqa: S311 - the same texts each time
    words = list(dict.fromkeys("".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(VOCABULARY)))
    weights = [1 / (place + 3) for place in range(len(words))]  # Zipf's law
    began = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        made = connection.execute(f"SELECT indexdef FROM pg_indexes WHERE indexname IN {INDEXES}").fetchall()  # noqa: S608 - ours
        connection.execute("DROP INDEX interaction_words, interaction_parts")  # one by one takes ten times as long
        for owner, share in ((1, 0.8), (2, 0.2)):
            _add_user(connection, owner)
            _add_texts(connection, owner, int(count * share), lambda: _text(chance, words, weights))
        print(f"{count} interactions written in {time.monotonic() - began:.0f} s", flush=True)
        began = time.monotonic()
        for (index,) in made:
            connection.execute(index)
        print(f"and indexed in {time.monotonic() - began:.0f} s", flush=True)
        connection.execute("VACUUM ANALYZE")
        sizes = connection.execute(
            "SELECT relname, pg_size_pretty(pg_relation_size(oid)) FROM pg_class WHERE relname LIKE 'interaction_%' "
            "OR relname = 'chat_interaction' ORDER BY relname"
        ).fetchall()
        print(", ".join(f"{name} {size}" for name, size in sizes), flush=True)
    return words


def _add_user(connection: psycopg.Connection, owner: int) -> None:
    connection.execute(
        "INSERT INTO accounts_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, "
        "is_active, date_joined) VALUES (%s, '!', false, %s, '', '', '', false, true, now())",
        [owner, f"bench{owner}"],
    )


def _add_texts(connection: psycopg.Connection, owner: int, count: int, text: Callable[[], str]) -> None:
    connection.execute(
        "INSERT INTO chat_chatsession (id, owner_id, title, system_prompt, parameters, pinned, archived, created, "
        "updated) SELECT uuidv7(), %s, 'Chat number ' || n, '', '{}', false, false, "
        "now() - make_interval(hours => n), now() - make_interval(hours => n) FROM generate_series(1, %s) n",
        [owner, count // TURNS_PER_SESSION],
    )
    sessions = [
        row[0]
        for row in connection.execute(
            "SELECT id FROM chat_chatsession WHERE owner_id = %s ORDER BY updated", [owner]
        ).fetchall()
    ]
    copy = (
        "COPY chat_interaction (id, session_id, query_text, parameters, status, final_response_text, error_code, "
        "error_message, finish_reason, model_id, dropped_turns, lease_owner, attempts, stop_requested) FROM STDIN"
    )
    with connection.cursor() as cursor, cursor.copy(copy) as rows:
        for number in range(count):
            question, answer = text()[:120], text()
            ids = (_uuid7(), sessions[number // TURNS_PER_SESSION])
            rows.write_row((*ids, question, "{}", "complete", answer, "", "", "stop", "m", 0, "", 1, False))


def _uuid7() -> str:
    import uuid_utils.compat

    return str(uuid_utils.compat.uuid7())


def _text(chance: random.Random, words: list[str], weights: list[float]) -> str:
    """About a thousand characters; one in ten is Chinese."""
    if chance.random() < 0.1:
        return "".join(chance.choices(CHINESE, k=400))
    return " ".join(chance.choices(words, weights, k=160))


def _measure(words: list[str]) -> None:
    import django

    django.setup()
    from django.db import connection

    from chat.search import search

    kinds = {
        "the commonest word": [words[0]],
        "a common word": words[20:50],
        "a rare word": words[-3000:],
        "two words": [f"{one} {other}" for one, other in zip(words[100:130], words[2000:2030], strict=True)],
        "part of a rare word": [word[1:-1] for word in words[-3000:] if len(word) > 7],
        "a part that is everywhere": ["tion", "ing", "men"],
        "two letters": ["ba", "qu", "zx"],
        "two Chinese characters": ["苹果", "今天", "梅子"],
        "one Chinese character": ["苹", "气"],
        "what is nowhere": ["nowheretobefound", "xqzxqz"],
        "only signs": ["=>", "%%%", "🎉"],
        "a title": ["number 4321", "chat 17"],
    }
    print(f"{'search for':28} {'p50 ms':>8} {'p95 ms':>8} {'hits':>6}")
    for kind, texts in kinds.items():
        times, hits = [], 0
        for number in range(REPEATS):
            began = time.perf_counter()
            results = search(owner_id=1, text=texts[number * 97 % len(texts)])
            times.append((time.perf_counter() - began) * 1000)
            hits = max(hits, sum(max(len(one.hits), 1) for one in results.found))
        print(f"{kind:28} {statistics.median(times):8.1f} {_p95(times):8.1f} {hits:6}", flush=True)
    connection.close()


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def _measure_end(url: str) -> None:
    """An answer of 1,000 characters ends: the statement that saves it, with the indexes and without them."""
    with psycopg.connect(url) as connection:
        for name in ("with the indexes", "without"):
            if name == "without":
                connection.execute("DROP INDEX interaction_words, interaction_parts")
            times = []
            for _ in range(300):
                made = connection.execute(
                    "INSERT INTO chat_interaction (id, session_id, query_text, parameters, status, "
                    "final_response_text, error_code, error_message, finish_reason, model_id, dropped_turns, "
                    "lease_owner, attempts, stop_requested) SELECT uuidv7(), session_id, query_text, '{}', 'queued', "
                    "'', '', '', '', '', 0, '', 1, false FROM chat_interaction LIMIT 1 RETURNING id"
                ).fetchone()
                assert made is not None
                began = time.perf_counter()
                connection.execute(
                    "UPDATE chat_interaction SET status = 'complete', final_response_text = (SELECT "
                    "final_response_text FROM chat_interaction WHERE status = 'complete' LIMIT 1) WHERE id = %s",
                    [made[0]],
                )
                times.append((time.perf_counter() - began) * 1000)
            print(f"an answer's end {name:16} p50 {statistics.median(times):.2f} ms, p95 {_p95(times):.2f} ms")
        connection.rollback()


if __name__ == "__main__":
    main()
