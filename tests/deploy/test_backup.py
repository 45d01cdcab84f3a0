"""`make backup` and `make restore`, on the real database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from launcher import REPOSITORY
from launcher.backup.reach import configured
from launcher.postgres import temporary_cluster
from tests.deploy.replica import Replica
from tests.launcher.running import clean_environment, database_url, start_database
from tests.support.hosts import site_environment
from tests.support.people import log_in, make_people, sign_up
from tests.support.stub_tgi import StubTgi

PEOPLE = 3
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


def environment_of(database: str) -> dict[str, str]:
    return site_environment(clean_environment(), DATABASE_URL=database, SECRET_KEY="for tests of backups only, " * 2)


def run(*arguments: str | Path, **variables: str | Path) -> subprocess.CompletedProcess[str]:
    """`python -m launcher.backup` with these arguments and variables."""
    argv = [sys.executable, "-m", "launcher.backup", *map(str, arguments)]
    env = clean_environment(**variables)
    return subprocess.run(argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)


def prepare(environment: dict[str, str], scratch: Path) -> None:
    argv = [sys.executable, "site/manage.py", "prepare"]
    env = {**environment, "DATA_DIR": str(scratch)}
    subprocess.run(argv, cwd=REPOSITORY, env=env, check=True, stdout=subprocess.DEVNULL)


def named(url: str, database: str) -> str:
    """The address of another database beside this one."""
    return f"{url.rpartition('/')[0]}/{database}"


def content(database: str) -> dict[str, list[Any]]:
    """All rows of all tables."""
    with psycopg.connect(database) as connection:
        tables = [name for (name,) in connection.execute(TABLES)]
        return {
            name: sorted(
                connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name))).fetchall()
            )
            for name in tables
        }


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with temporary_cluster() as url:
        yield url


@pytest.fixture(scope="module")
def original(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the tables, accounts and their sessions, that is only copied."""
    environment = environment_of(cluster)
    prepare(environment, tmp_path_factory.mktemp("prepare"))
    make_people(PEOPLE, environment)
    return cluster


@pytest.fixture
def database(original: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A copy of it."""
    yield from _database(original, "filled", "TEMPLATE parley")


@pytest.fixture
def empty(original: str) -> Iterator[str]:
    yield from _database(original, "empty", "")


def _database(original: str, name: str, options: str) -> Iterator[str]:
    with psycopg.connect(named(original, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {options}".encode())
        yield named(original, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def saved(original: str, tmp_path: Path) -> Path:
    """A backup of it."""
    path = tmp_path / "folder" / "saved.dump"
    done = run("save", path, DATABASE_URL=original)
    assert done.returncode == 0, done.stderr
    return path


async def test_accounts_and_chats_come_back_in_another_installation(tmp_path: Path):
    async with StubTgi() as model:
        model.behaviour.pieces = ["Né", "🙂", " and\n\n", "more."]
        before = await _live(tmp_path / "first", model, sign_up)
        done = run("save", DATA_DIR=tmp_path / "first")
        assert done.returncode == 0, done.stderr
        [file] = (tmp_path / "first" / "backups").iterdir()
        assert str(file) in done.stdout

        done = run("restore", file, DATA_DIR=tmp_path / "second")
        assert done.returncode == 0, done.stderr
        after = await _live(tmp_path / "second", model, log_in)
    assert before == ["Né🙂 and\n\nmore."]
    assert after == before * 2, "what was asked before is there, and one can go on"


async def _live(data_dir: Path, model: StubTgi, enter: Any) -> list[str]:
    """Start an installation, let a person come in and ask. Returns all the answers that the person has."""
    started = start_database(data_dir)
    url = database_url(started)
    try:
        return await _visit(url, data_dir, model, enter)
    finally:
        assert started.stop() == 0


async def _visit(database: str, data_dir: Path, model: StubTgi, enter: Any) -> list[str]:
    environment = {**environment_of(database), "TGI_URL": model.url, "DATA_DIR": str(data_dir)}
    prepare(environment, data_dir)
    replica = Replica(environment, data_dir / "web.log")
    await replica.start()
    try:
        url = f"http://127.0.0.1:{replica.port}"
        person = await enter(url, "ada")
        async with person.program(url) as client:
            async with client.post("/api/chat/", json={"message": "Why?"}) as response:
                assert (await response.json())["status"] == "complete"
            async with client.get("/api/sessions/") as response:
                sessions = [session["id"] for session in (await response.json())["results"]]
            answers = []
            for session in sessions:
                async with client.get(f"/api/sessions/{session}/interactions/") as response:
                    answers += [one["final_response_text"] for one in (await response.json())["results"]]
        return answers
    finally:
        await replica.stop()


def test_every_row_comes_back_and_the_file_is_for_its_owner_alone(original: str, empty: str, saved: Path):
    assert saved.stat().st_mode & 0o777 == 0o600
    done = run("restore", saved, DATABASE_URL=empty)
    assert done.returncode == 0, done.stderr
    assert content(empty) == content(original)
    with psycopg.connect(empty) as connection:
        number = connection.execute("SELECT nextval(pg_get_serial_sequence('accounts_user', 'id'))").fetchone()
    assert number is not None
    assert number[0] > PEOPLE, "new accounts get new numbers"


def test_accounts_are_replaced_only_when_that_is_asked_for(original: str, database: str, saved: Path):
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE accounts_user SET username = username || '-later'")
        connection.execute("CREATE TABLE of_a_later_version (id int)")
    later = content(database)
    refused = run("restore", saved, DATABASE_URL=database)
    assert refused.returncode == 2
    assert "3 accounts and 0 chats" in refused.stderr
    assert "OVERWRITE=yes" in refused.stderr
    assert content(database) == later

    done = run("restore", saved, "--overwrite", DATABASE_URL=database)
    assert done.returncode == 0, done.stderr
    assert content(database) == content(original), "nothing of the later state is left"
    again = run("save", saved.with_name("again.dump"), DATABASE_URL=database)
    assert again.returncode == 0, again.stderr


def test_tables_of_something_else_are_not_replaced_either(empty: str, saved: Path):
    with psycopg.connect(empty) as connection:
        connection.execute("CREATE TABLE precious (id int)")
    refused = run("restore", saved, DATABASE_URL=empty)
    assert (refused.returncode, "1 tables that are not Parley's" in refused.stderr) == (2, True)


def test_a_database_in_use_is_saved_but_not_replaced(database: str, tmp_path: Path):
    with psycopg.connect(database):
        assert run("save", tmp_path / "file", DATABASE_URL=database).returncode == 0
        refused = run("restore", tmp_path / "file", "--overwrite", DATABASE_URL=database)
    assert refused.returncode == 2
    assert "stop Parley first" in refused.stderr


def test_a_file_that_breaks_off_changes_nothing(database: str, saved: Path):
    before = content(database)
    whole = saved.read_bytes()
    saved.write_bytes(whole[: len(whole) // 2])  # in the middle of the rows
    failed = run("restore", saved, "--overwrite", DATABASE_URL=database)
    assert failed.returncode == 1, failed.stdout
    assert "the database is as it was" in failed.stderr
    assert content(database) == before


def test_what_is_no_backup_is_refused(empty: str, tmp_path: Path):
    (tmp_path / "text").write_text("SELECT 1;")
    refused = run("restore", tmp_path / "text", DATABASE_URL=empty)
    assert (refused.returncode, "cannot be read" in refused.stderr) == (2, True)
    refused = run("restore", tmp_path / "missing", DATABASE_URL=empty)
    assert (refused.returncode, "No such file" in refused.stderr) == (2, True)
    refused = run("save", tmp_path / "new", DATABASE_URL=empty)
    assert (refused.returncode, "nothing to save" in refused.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["text"]


def test_a_file_is_never_written_over(original: str, saved: Path):
    before = saved.read_bytes()
    refused = run("save", saved, DATABASE_URL=original)
    assert (refused.returncode, "is there already" in refused.stderr) == (2, True)
    assert saved.read_bytes() == before


def test_a_password_stands_in_no_argument(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://parley:hunter2@db.example:5433/parley?sslmode=require")
    with configured() as found:
        argv = " ".join(found.connected("pg_dump"))
        assert "hunter2" not in argv
        assert {"host=db.example", "port=5433", "sslmode=require"} <= set(argv.partition("--dbname=")[2].split())
        assert found.environment["PGPASSWORD"] == "hunter2"


def test_the_database_of_the_containers_is_reached_through_docker(
    database: str, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """`docker compose exec` is played by a script that runs the same programs here."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("DATABASE_URL", database)
    with configured() as found:
        folder = found.folder
    docker = programs / "docker"
    docker.write_text(
        f"""#!/bin/sh
set -eu
[ "$1 $2 $4 $5 $6" = "compose --file exec -T postgres" ] && [ "$3" = {REPOSITORY}/docker-compose.gpu.yml ]
shift 6
program={folder}/$1
shift
for argument; do
    shift
    case $argument in
        --username=parley) ;;
        --dbname=parley) set -- "$@" "--dbname=$TARGET" ;;
        *) set -- "$@" "$argument" ;;
    esac
done
exec "$program" "$@"
"""
    )
    docker.chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    done = run("--compose", "save", tmp_path / "file", PATH=path, TARGET=database)
    assert done.returncode == 0, done.stderr
    done = run("--compose", "restore", tmp_path / "file", PATH=path, TARGET=empty)
    assert done.returncode == 0, done.stderr
    assert content(empty) == content(database)
