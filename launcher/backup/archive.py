"""The file: written by `pg_dump` in its custom format, read by `pg_restore`. Each half happens whole or not at all."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from launcher.backup.reach import Database
from launcher.errors import USAGE, CannotStart

# What a restore begins with, in one transaction with all the rest: it ends with COMMIT, or it never was.
BEGIN = """
BEGIN;
SET LOCAL client_min_messages = warning;
DROP SCHEMA public CASCADE;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
COMMENT ON SCHEMA public IS 'standard public schema';
"""
END = "\nCOMMIT;\n"

IN_USE = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
OWN_TABLE = "SELECT to_regclass('public.accounts_user') IS NOT NULL"
ACCOUNTS = "SELECT count(*) FROM accounts_user"
SESSIONS = "SELECT count(*) FROM chat_chatsession"


def save(database: Database, path: Path) -> None:
    """Write the database into a new file that only its owner may read; it is in use meanwhile.

    Raises:
        CannotStart: there is such a file, or `pg_dump` failed; then there is none.
    """
    if path.exists():
        raise CannotStart(f"{path} is there already: give another FILE.", USAGE)
    if _ask(database, OWN_TABLE) != "t":
        raise CannotStart("There is nothing to save: the database has no tables of Parley's.", USAGE)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            argv = database.connected("pg_dump", "--format=custom", "--no-owner", "--no-privileges")
            done = subprocess.run(
                argv,
                env=database.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.PIPE,
                check=False,
            )
            os.fsync(file.fileno())
        if done.returncode != 0:
            raise CannotStart(f"The database could not be saved: {_said(done.stderr)}")
        _require_backup(database, unfinished)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


def restore(database: Database, path: Path, *, overwrite: bool) -> None:
    """Put a file's content in the place of the database's. While it happens, nobody else may use the database.

    Raises:
        CannotStart: the file is no backup, the database is in use, or it has accounts and `overwrite` is false; or it
            failed. The database is then as it was.
    """
    _require_backup(database, path)
    if others := int(_ask(database, IN_USE)):
        raise CannotStart(f"The database is in use ({others} connections): stop Parley first.", USAGE)
    if not overwrite and (content := _content(database)):
        raise CannotStart(
            f"The database has {content}, and the file would take their place: save them with `make backup`,"
            " then say OVERWRITE=yes.",
            USAGE,
        )
    _replace(database, path)


def _require_backup(database: Database, path: Path) -> None:
    with path.open("rb") as file:
        listed = subprocess.run(
            database.plain("pg_restore", "--list"),
            env=database.environment,
            stdin=file,
            capture_output=True,
            check=False,
        )
    if listed.returncode != 0:
        raise CannotStart(f"{path} cannot be read: {_said(listed.stderr)}", USAGE)
    if b" TABLE DATA public accounts_user " not in listed.stdout:
        raise CannotStart(f"{path} is no backup of Parley: it has no accounts.", USAGE)


def _content(database: Database) -> str:
    """What a restore would replace, in words; empty if that is nothing."""
    if _ask(database, OWN_TABLE) != "t":
        tables = int(_ask(database, TABLES))
        return f"{tables} tables that are not Parley's" if tables else ""
    accounts = int(_ask(database, ACCOUNTS))
    return f"{accounts} accounts and {_ask(database, SESSIONS)} chats" if accounts else ""


def _ask(database: Database, query: str) -> str:
    argv = database.connected("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", f"--command={query}")
    done = subprocess.run(
        argv, env=database.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise CannotStart(f"The database cannot be asked: {_said(done.stderr)}")
    return done.stdout.strip()


def _replace(database: Database, path: Path) -> None:
    psql = database.connected("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
    script = database.plain("pg_restore", "--no-owner", "--no-privileges", "--file=-")
    with (
        path.open("rb") as file,
        subprocess.Popen(psql, env=database.environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as client,
    ):
        stdin, stderr = client.stdin, client.stderr
        assert stdin is not None  # noqa: S101 - pipes were asked for
        assert stderr is not None  # noqa: S101
        stdin.write(BEGIN.encode())
        stdin.flush()
        read = subprocess.run(
            script, env=database.environment, stdin=file, stdout=stdin, stderr=subprocess.PIPE, check=False
        )
        with suppress(BrokenPipeError):  # psql has stopped at an error, which it says
            if read.returncode == 0:
                stdin.write(END.encode())
            stdin.close()
        said = stderr.read()
    if read.returncode != 0 or client.returncode != 0:
        why = _said(said) or _said(read.stderr)
        raise CannotStart(f"{path} could not be restored, and the database is as it was: {why}")


def _said(text: bytes | str) -> str:
    """The end of what a program had to say, in one line."""
    lines = (text if isinstance(text, str) else text.decode(errors="replace")).strip().splitlines()
    return " / ".join(line.strip() for line in lines[-3:] if line.strip())
