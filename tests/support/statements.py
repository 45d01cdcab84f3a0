"""Counting the statements that a piece of code sends, from whichever thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL of every statement sent inside the block, over connections that are opened inside it."""
    sent: list[str] = []
    watched: list[BaseDatabaseWrapper] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        sent.append(sql)
        return execute(sql, *rest)

    def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
        if note not in connection.execute_wrappers:
            connection.execute_wrappers.append(note)
            watched.append(connection)

    connection_created.connect(watch)
    try:
        yield sent
    finally:
        connection_created.disconnect(watch)
        for one in watched:
            one.execute_wrappers.remove(note)
