"""The whole of Parley as a user starts it: real site, model and database; ended in every way there is."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import psutil
import psycopg
import pytest

from launcher.postgres import Cluster, temporary_cluster
from tests.launcher.conftest import Start
from tests.launcher.running import STOP_LIMIT, Running, clean_environment, free_port, is_gone, wait_until

READY = "Parley is ready"
direct = build_opener(ProxyHandler({}))


def get(url: str | Request) -> int:
    """The status of a GET. It may have to wait, but a refused connection is an error."""
    with direct.open(url, timeout=30) as response:
        return int(response.status)


def site(started: Running) -> str:
    """Wait until it is ready, and give the address it prints."""
    started.wait_for(READY)
    return next(line.rpartition(" ")[2] for line in started.output.splitlines() if line.startswith(READY))


def connect(data_dir: Path) -> psycopg.Connection:
    folder = data_dir / "postgres"
    return psycopg.connect(Cluster(folder, folder / "unused.log").url)


def assert_nothing_left(data_dir: Path) -> None:
    assert not list(data_dir.rglob(".s.PGSQL*")), "a socket"
    assert not (data_dir / "run.json").exists(), "the record of a running instance"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: collecting the static files takes longest, and only a folder's first start has to."""
    return tmp_path_factory.mktemp("parley") / "data with a space"


def test_data_survives_every_kind_of_end(data_dir: Path, start_parley: Start) -> None:
    first = start_parley(data_dir)
    assert get(site(first) + "/healthz") == 200
    assert stat.S_IMODE((data_dir / "secret_key").stat().st_mode) == 0o600
    assert data_dir.stat().st_mode & 0o066 == 0, "others may read the data folder"
    with connect(data_dir) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS generation")
    secret = (data_dir / "secret_key").read_text()
    first.kill_all()

    second = start_parley(data_dir)
    site(second)
    with connect(data_dir) as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
    orphans = second.below()
    os.kill(second.process.pid, signal.SIGKILL)
    second.process.wait()
    assert not all(map(is_gone, orphans)), "they went by themselves: the rest shows nothing"

    # On the ports that the orphans still hold.
    environment = psutil.Process(orphans[0].pid).environ()
    third = start_parley(data_dir, PORT=environment["PORT"], TGI_PORT=environment["TGI_PORT"])
    assert get(site(third) + "/healthz") == 200
    assert all(map(is_gone, orphans))
    with connect(data_dir) as connection:
        assert connection.execute("SELECT generation FROM kept ORDER BY 1").fetchall() == [(1,), (2,)]
    assert (data_dir / "secret_key").read_text() == secret
    assert third.stop(signal.SIGTERM) == 0
    assert_nothing_left(data_dir)


def test_killed_services_come_back_and_no_connection_is_refused(data_dir: Path, start_parley: Start) -> None:
    started = start_parley(data_dir, WEB_PROCESSES=2)
    url = site(started)
    before = {name: started.pids(name) for name in ("web", "tgi", "postgres")}
    assert len(before["web"]) == 2
    for pids in before.values():
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    assert get(url + "/healthz") == 200
    for name, pids in before.items():
        wait_until(lambda n=name, p=pids: not set(started.pids(n)) & set(p), 30, f"a new {name}")  # type: ignore[misc]
    wait_until(lambda: _ready(url), 60, "database and model back")
    assert started.stop(signal.SIGINT) == 0
    assert_nothing_left(started.data_dir)


def _ready(url: str) -> bool:
    try:
        return get(url + "/readyz") == 200
    except OSError:  # 503, while either is away
        return False


def test_given_database_and_model_are_used_and_none_is_started(data_dir: Path, start_parley: Start) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    with temporary_cluster() as database:
        # With a public name, as behind a proxy: the launcher's own look at the site must use it.
        name = "chat.example"
        started = start_parley(data_dir, DATABASE_URL=database, TGI_URL=away, ALLOWED_HOSTS=name)
        assert get(Request(site(started) + "/healthz", headers={"Host": name})) == 200
        assert f"TGI_URL: {away} does not answer" in started.output
        assert len(started.below()) == len(started.pids("web")) == 1
        with psycopg.connect(database) as connection:
            tables = connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'django_migrations'")
            assert tables.fetchone() == (1,)
        # A second request to stop, in the middle of the first.
        started.process.send_signal(signal.SIGINT)
        started.wait_for("Stopping")
        assert started.stop(signal.SIGINT) == 0


def test_stop_while_it_starts_leaves_nothing(data_dir: Path, start_parley: Start) -> None:
    started = start_parley(data_dir)
    started.wait_for("The database is ready")
    assert started.stop(signal.SIGTERM) == 0
    assert READY not in started.output
    assert_nothing_left(started.data_dir)


def test_make_run_ends_everything_by_ctrl_c_and_by_sigterm_to_make(data_dir: Path) -> None:
    for stop in (_ctrl_c, _sigterm):
        environment = clean_environment(DATA_DIR=data_dir, PORT=free_port(), TGI_PORT=free_port())
        started = Running(["make", "run", f"PYTHON={sys.executable}"], environment, data_dir.parent)
        try:
            assert get(site(started) + "/healthz") == 200
            everything = started.below()
            begun = time.monotonic()
            stop(started.process)
            started.process.wait(STOP_LIMIT)
            wait_until(lambda all_=everything: all(map(is_gone, all_)), STOP_LIMIT, "the end of all")  # type: ignore[misc]
            assert time.monotonic() - begun < STOP_LIMIT
            assert started.output.splitlines()[-1] == "Stopped."
            assert_nothing_left(started.data_dir)
        finally:
            if started.process.poll() is None:
                started.kill_all()


def _ctrl_c(make: subprocess.Popen[bytes]) -> None:
    """As the terminal does it: to the whole foreground group."""
    os.killpg(make.pid, signal.SIGINT)


def _sigterm(make: subprocess.Popen[bytes]) -> None:
    make.terminate()
