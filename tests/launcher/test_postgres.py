"""The embedded database alone, through `python -m launcher.postgres`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import psycopg

from launcher import REPOSITORY
from launcher.postgres import temporary_cluster
from tests.launcher.conftest import Start
from tests.launcher.running import Running, database_url, is_gone, wait_until

BUSY = "SELECT count(*) FROM generate_series(1, 1000000000000)"


def postmaster(started: Running) -> psutil.Process:
    pid_file = started.data_dir / "postgres" / "data" / "postmaster.pid"
    return psutil.Process(int(pid_file.read_text().split()[0]))


def test_keeps_its_data_and_leaves_no_process_and_no_socket(tmp_path: Path, start_database: Start) -> None:
    data_dir = tmp_path / "with a space, and 'quotes'"
    first = start_database(data_dir)
    with psycopg.connect(database_url(first)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'Привет' AS word")
    assert first.stop(signal.SIGINT) == 0
    assert not list(data_dir.rglob(".s.PGSQL*"))

    second = start_database(data_dir)
    with psycopg.connect(database_url(second)) as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("Привет",)]


def test_role_may_make_databases_and_extensions_but_is_no_superuser() -> None:
    with temporary_cluster() as url, psycopg.connect(url) as connection:
        rights = "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        assert connection.execute(rights).fetchone() == (False, False, True)
        connection.execute("CREATE EXTENSION pg_trgm")
        trigrams = connection.execute("SELECT cardinality(show_trgm('Привет'))").fetchone()
    assert trigrams == (7,), "trigram search must know letters beyond ASCII"


def test_only_its_own_user_reaches_the_socket(tmp_path: Path, start_database: Start) -> None:
    started = start_database(tmp_path / "data")
    database_url(started)
    folder = started.data_dir / "postgres" / "socket"
    assert folder.stat().st_mode & 0o077 == 0
    rules = (started.data_dir / "postgres" / "data" / "pg_hba.conf").read_text().split()
    assert rules == ["local", "all", "all", "peer", "map=parley"]


def test_path_too_long_for_a_socket_gets_a_short_folder_that_is_removed(tmp_path: Path, start_database: Start) -> None:
    started = start_database(tmp_path / ("deep" * 20) / "data")
    url = database_url(started)
    with psycopg.connect(url) as connection:
        folder = Path(connection.info.host)
        assert folder.name.startswith("parley-")
        assert folder.stat().st_mode & 0o077 == 0
    assert started.stop() == 0
    assert not folder.exists()


def test_starts_when_another_program_has_the_process_id_of_a_killed_server(
    tmp_path: Path, start_database: Start
) -> None:
    first = start_database(tmp_path / "data")
    database_url(first)
    data = first.data_dir / "postgres" / "data"
    lines = (data / "postmaster.pid").read_text().splitlines()
    first.kill_all()
    # A process that the server may signal: as root, PostgreSQL takes others' for gone.
    with subprocess.Popen(["sleep", "60"], user=data.stat().st_uid) as other:
        (data / "postmaster.pid").write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        second = start_database(tmp_path / "data")
        with psycopg.connect(database_url(second)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert other.poll() is None, "the stranger was ended"
        other.kill()


def test_ends_busy_backends_that_a_killed_server_left(tmp_path: Path, start_database: Start) -> None:
    first = start_database(tmp_path / "data")
    with closing(psycopg.connect(database_url(first))) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        connection.pgconn.send_query(BUSY.encode())
        wait_until(lambda: backend.cpu_times().user > 0.1, 10, "a busy backend")
        killed = [postmaster(first), psutil.Process(first.process.pid)]
        for process in killed:
            process.kill()
        wait_until(lambda: all(map(is_gone, killed)), 10, "the end of the killed")
        assert not is_gone(backend), "it went by itself: the test shows nothing"

        database_url(start_database(tmp_path / "data"))
        assert is_gone(backend)


def test_other_major_version_is_one_clear_line(tmp_path: Path, start_database: Start) -> None:
    first = start_database(tmp_path / "data")
    database_url(first)
    first.stop()
    version = tmp_path / "data" / "postgres" / "data" / "PG_VERSION"
    version.write_text("9\n")
    second = start_database(tmp_path / "data")
    assert second.process.wait(20) == 1
    assert len(second.output.splitlines()) == 1
    assert "made by PostgreSQL 9" in second.output


def test_temporary_cluster_ends_with_a_killed_test_run(tmp_path: Path) -> None:
    code = """
import time
from launcher.postgres import temporary_cluster
with temporary_cluster() as url:
    print(url, flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE) as test_run:
        assert test_run.stdout is not None
        url = test_run.stdout.readline().decode().strip()
        with psycopg.connect(url) as connection:
            folder = Path(connection.info.host)
        below = psutil.Process(test_run.pid).children(recursive=True)
        assert len(below) > 2
        os.kill(test_run.pid, signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, below)), 10, "the end of its processes")
    wait_until(lambda: not folder.parent.parent.exists(), 10, "the removal of its folder")
