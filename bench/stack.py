"""The processes of a benchmark: a durable Postgres, the engine, the site; what each of them uses."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import psutil
import psycopg

from bench.followers import Account

REPOSITORY = Path(__file__).resolve().parents[1]
START_S = 30.0
# Without the look-ups by which Postgres itself checks foreign keys: one for each row, inside our statement.
STATEMENTS = """
SELECT coalesce(sum(calls), 0) FROM pg_stat_statements
WHERE query NOT ILIKE '%pg_stat_statements%' AND query NOT LIKE '%FOR KEY SHARE OF x'
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a group of processes has used: CPU seconds since their start, bytes of memory of their own now."""

    cpu_s: float
    memory: int


@contextlib.contextmanager
def process(
    module: str, *arguments: str, env: dict[str, str], stdout: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A Python module as a process; ended by SIGTERM, in the end by SIGKILL."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments], cwd=REPOSITORY, env=env, stdout=stdout, text=True
    ) as running:
        try:
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# All of them come from one address, and ask as fast as they can: limits count as ever, and refuse nobody.
WIDE_LIMITS = dict.fromkeys(
    (
        "ANSWERS_PER_MINUTE",
        "REQUESTS_PER_MINUTE",
        "REQUESTS_PER_MINUTE_PER_TOKEN",
        "ANONYMOUS_REQUESTS_PER_MINUTE",
        "LOGINS_PER_MINUTE",
        "SIGNUPS_PER_HOUR",
    ),
    "1000000",
)


def wait_for(url: str) -> None:
    """Until the URL answers; it is refused while its server starts."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            urlopen(url, timeout=5).close()  # noqa: S310 - our own loopback address
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextlib.contextmanager
def database(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Postgres as `make run` starts it, durable, with pg_stat_statements to count what it is asked."""
    env = {**os.environ, "DATA_DIR": str(folder), "PYTHONPATH": f"{REPOSITORY / 'site'}:{REPOSITORY}"}
    with process("launcher.postgres", env=env, stdout=subprocess.PIPE) as server:
        url = _database_url(server)
        with psycopg.connect(superuser(url), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
    with process("launcher.postgres", env=env, stdout=subprocess.PIPE) as server:
        url = _database_url(server)
        with psycopg.connect(superuser(url), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        yield url, server


def superuser(url: str) -> str:
    return url.replace("//parley@", "//postgres@", 1)


def _database_url(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    line: str = server.stdout.readline()
    return line.strip().removeprefix("DATABASE_URL=")


def statements(url: str) -> int:
    """How many statements the database has executed since pg_stat_statements was made."""
    with psycopg.connect(superuser(url)) as connection:
        row = connection.execute(STATEMENTS).fetchone()
        return int(row[0]) if row else 0


@dataclass(frozen=True, slots=True)
class Site:
    """A running site: where it listens, its processes, and accounts to ask with."""

    port: int
    engine_port: int
    database_url: str
    groups: dict[str, list[psutil.Process]]
    accounts: list[Account]

    def usage(self) -> dict[str, Usage]:
        return {name: _usage(roots) for name, roots in self.groups.items()}


def _usage(roots: list[psutil.Process]) -> Usage:
    cpu, memory = 0.0, 0
    for root in roots:
        # The load generator started all the others; they are counted on their own.
        children = [] if root.pid == os.getpid() else root.children(recursive=True)
        for one in [root, *children]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                cpu += times.user + times.system
                memory += one.memory_full_info().uss
    return Usage(cpu, memory)


@contextlib.contextmanager
def site(*, accounts: int, processes: int, engine: list[str]) -> Iterator[Site]:
    """Everything started; `engine`: options of bench.engine."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name, contextlib.ExitStack() as stack:
        engine_port, port = free_port(), free_port()
        url, postgres = stack.enter_context(database(Path(name)))
        env = {
            **os.environ,
            "PYTHONPATH": f"{REPOSITORY / 'site'}:{REPOSITORY}",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SECRET_KEY": "for the benchmark only" * 3,
            "DATA_DIR": name,
            "DATABASE_URL": url,
            "TGI_URL": f"http://127.0.0.1:{engine_port}",
            **WIDE_LIMITS,
        }
        subprocess.run(
            [sys.executable, "site/manage.py", "prepare"],
            cwd=REPOSITORY,
            env=env,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        stub = stack.enter_context(process("bench.engine", "--port", str(engine_port), *engine, env=env))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=1024))
        os.set_inheritable(listener.fileno(), True)
        webs = [stack.enter_context(_web(listener, env)) for _ in range(processes)]
        wait_for(f"http://127.0.0.1:{engine_port}/health")
        wait_for(f"http://127.0.0.1:{port}/healthz")
        groups = {
            "site": [psutil.Process(web.pid) for web in webs],
            "postgres": [psutil.Process(postgres.pid)],
            "engine": [psutil.Process(stub.pid)],
            "load": [psutil.Process()],
        }
        yield Site(port, engine_port, url, groups, _accounts(accounts, env))


@contextlib.contextmanager
def _web(listener: socket.socket, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "config.server", "--fd", str(listener.fileno())],
        cwd=REPOSITORY,
        env=env,
        pass_fds=[listener.fileno()],
    ) as running:
        try:
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(20)


def _accounts(count: int, env: dict[str, str]) -> list[Account]:
    made = subprocess.run(
        [sys.executable, "-m", "bench.accounts", str(count)],
        cwd=REPOSITORY,
        env=env,
        check=True,
        stdout=subprocess.PIPE,
    )
    return [Account(**one) for one in json.loads(made.stdout)]
