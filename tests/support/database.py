"""A database of a test's own, durable as the one of `make run`, that can be stopped, crashed and started again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from launcher.postgres import Cluster
from launcher.processes import Child, end, spawn
from tests.support.waiting import until

READY_LIMIT = 60.0  # seconds; recovery included

SAVED = """
SELECT i.*, coalesce((
    SELECT string_agg(c.text, '' ORDER BY c."offset") FROM chat_responsechunk c WHERE c.interaction_id = i.id
), '') AS logged
FROM chat_interaction i
"""


class Database:
    """Postgres in a folder, with pg_stat_statements to count what it is asked."""

    def __init__(self, folder: Path) -> None:
        self._cluster = Cluster(folder / "cluster", folder / "postgres.log")
        self._child: Child | None = None
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self.url = self._cluster.url

    async def make(self) -> None:
        """Make the cluster, and start it for the first time."""
        await asyncio.to_thread(self._cluster.prepare)
        with (self._cluster.data / "postgresql.conf").open("a") as settings:
            settings.write("shared_preload_libraries = 'pg_stat_statements'\n")
        await self.start()
        await asyncio.to_thread(self._cluster.make_database)
        self.execute("CREATE EXTENSION pg_stat_statements")

    async def start(self) -> None:
        """Start the server; return when it accepts connections."""
        await asyncio.to_thread(self._cluster.prepare)
        child = self._child = spawn(self._cluster.command())
        await until(lambda: self._cluster.is_ready(child.pid) or not child.is_alive(), timeout_s=READY_LIMIT)
        if not child.is_alive():
            raise RuntimeError("the database ended: " + "\n".join(child.log_tail()))

    async def end_with(self, number: signal.Signals) -> None:
        """Send the server (the postmaster) a signal that ends it, and wait until it is gone."""
        child = self._child
        assert child is not None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        child.process.send_signal(number)
        await until(lambda: not child.is_alive(), timeout_s=10)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._child is not None:
            end([self._child], self._child.command.stop_steps)
        self._cluster.tidy()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run a statement as the superuser, in the site's database; rows as dicts by column. It may be run again."""
        try:
            return self._execute(sql, parameters)
        except psycopg.OperationalError:  # the server was restarted since the statement before
            self._connection = None
            return self._execute(sql, parameters)

    def _execute(self, sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        if self._connection is None:
            url = self.url.replace("//parley@", "//postgres@", 1)
            self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        cursor = self._connection.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []

    def saved(self, interaction_id: UUID) -> Saved:
        """An interaction as it is stored now."""
        [row] = self.execute(SAVED + "WHERE i.id = %s", [interaction_id])
        return _saved(row)

    def saved_in(self, session_id: UUID) -> list[Saved]:
        """All interactions of a session, in the order in which they were made."""
        return [
            _saved(row)
            for row in self.execute(SAVED + "WHERE i.session_id = %s ORDER BY i.created, i.id", [session_id])
        ]

    def expire_leases(self, owner: str) -> None:
        """Let all leases of a process have run out already."""
        self.execute("UPDATE chat_interaction SET lease_expires_at = now() WHERE lease_owner = %s", [owner])


@dataclass(frozen=True, slots=True)
class Saved:
    """What is stored of an interaction. `logged`: the text in the log of a running answer."""

    id: UUID
    parent_id: UUID | None
    query: str
    status: str
    text: str
    logged: str
    attempts: int
    owner: str
    error_code: str
    dropped_turns: int


def _saved(row: dict[str, Any]) -> Saved:
    return Saved(
        id=row["id"],
        parent_id=row["parent_id"],
        query=row["query_text"],
        status=row["status"],
        text=row["final_response_text"],
        logged=row["logged"],
        attempts=row["attempts"],
        owner=row["lease_owner"],
        error_code=row["error_code"],
        dropped_turns=row["dropped_turns"],
    )
