"""`python -m launcher.postgres`: the database alone, in the foreground. See the package's docstring."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.env import EnvError, read_env
from launcher.errors import USAGE, CannotStart
from launcher.postgres.cluster import Cluster
from launcher.processes import Child, end, spawn
from launcher.signals import Signals, StopRequested

LONGEST_RECOVERY = 300.0  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m launcher.postgres", description="Run the embedded PostgreSQL.")
    parser.add_argument("--temporary", action="store_true", help="an empty cluster, removed when it ends")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input does, too")
    options = parser.parse_args()
    signals = Signals()
    try:
        with _cluster(temporary=options.temporary) as cluster:
            _serve(cluster, signals, until_stdin_closes=options.until_stdin_closes)
    except StopRequested:
        return 0
    except EnvError as error:
        print(error, file=sys.stderr)
        return USAGE
    except CannotStart as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


@contextmanager
def _cluster(*, temporary: bool) -> Iterator[Cluster]:
    if temporary:
        with tempfile.TemporaryDirectory(prefix="parley-postgres-", ignore_cleanup_errors=True) as folder:
            path = Path(folder).resolve()
            yield Cluster(path / "cluster", path / "postgres.log", temporary=True)
    else:
        from launcher.instance import Instance

        data_dir = read_env().data_dir
        with Instance(data_dir):
            yield Cluster(data_dir / "postgres", data_dir / "log" / "postgres.log")


def _serve(cluster: Cluster, signals: Signals, *, until_stdin_closes: bool) -> None:
    with signals.interruptible():
        cluster.prepare()
    child = spawn(cluster.command())
    try:
        _wait_until_ready(cluster, child, signals)
        cluster.make_database()
        print(f"DATABASE_URL={cluster.url}", flush=True)
        others = [sys.stdin.fileno()] if until_stdin_closes else []
        while child.is_alive():
            if signals.wait(None, *others):  # nothing is ever sent on it
                return
        raise CannotStart("The database ended: " + " / ".join(child.log_tail(2)))
    finally:
        end([child], child.command.stop_steps)
        cluster.tidy()


def _wait_until_ready(cluster: Cluster, child: Child, signals: Signals) -> None:
    deadline = time.monotonic() + LONGEST_RECOVERY
    while not cluster.is_ready(child.pid):
        if not child.is_alive() or time.monotonic() > deadline:
            raise CannotStart("The database did not start: " + " / ".join(child.log_tail(2)))
        signals.wait(0.05)


if __name__ == "__main__":
    sys.exit(main())
