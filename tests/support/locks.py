"""Waiting until other connections wait for a lock: the way to make a race happen every time."""

from __future__ import annotations

import time

from django.db import connection

LOOK_AGAIN_S = 0.01


def until_waiting(count: int, *, timeout_s: float = 8.0) -> None:
    """Return when `count` connections to this database wait for a lock.

    Raises:
        TimeoutError: it has not come to that within `timeout_s` seconds.
    """
    give_up_at = time.monotonic() + timeout_s
    while waiting() < count:
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{waiting()} of {count} connections wait for a lock")
        time.sleep(LOOK_AGAIN_S)


def waiting() -> int:
    """Connections to this database that wait for a lock now."""
    with connection.cursor() as cursor:
        # Inside a transaction Postgres would go on showing what it showed at the first look.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])
