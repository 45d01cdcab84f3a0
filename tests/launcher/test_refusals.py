"""What cannot work is refused in one line that says what to do, with an exit code that is not 0."""

from __future__ import annotations

import socket
from pathlib import Path

import psycopg
import pytest

from launcher.errors import USAGE
from tests.launcher.conftest import Start
from tests.launcher.running import Running, database_url, free_port

LIMIT = 30.0  # seconds to say so


def refusal(started: Running) -> str:
    """The one line it ends with; the lines before it only say what it was doing."""
    assert started.process.wait(LIMIT) == USAGE, started.output
    *doing, line = started.output.splitlines()
    assert all(line.endswith("…") for line in doing), started.output
    return line


def test_every_unusable_variable_is_named(tmp_path: Path, start_parley: Start) -> None:
    started = start_parley(tmp_path / "data", PORT="eighty", WEB_PROCESSES=0)
    assert started.process.wait(LIMIT) == USAGE
    assert {line.partition(":")[0] for line in started.output.splitlines()} == {"PORT", "WEB_PROCESSES"}


@pytest.mark.parametrize("variable", ["PORT", "TGI_PORT"])
def test_port_in_use(tmp_path: Path, start_parley: Start, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal(start_parley(tmp_path / "data", **{variable: port}))
    assert line.startswith(f"{variable}: port {port} on 127.0.0.1 is already in use")


def test_host_of_another_machine(tmp_path: Path, start_parley: Start) -> None:
    # 192.0.2.0/24 is set aside for documentation: no machine has it
    assert refusal(start_parley(tmp_path / "data", HOST="192.0.2.1")).startswith("HOST: 192.0.2.1")


def test_data_dir_that_is_a_file(tmp_path: Path, start_parley: Start) -> None:
    (tmp_path / "data").touch()
    assert refusal(start_parley(tmp_path / "data")).startswith("DATA_DIR: ")


def test_data_dir_of_another_instance(tmp_path: Path, start_parley: Start, start_database: Start) -> None:
    first = start_database(tmp_path / "data")
    database_url(first)
    line = refusal(start_parley(tmp_path / "data"))
    assert "is already used by another Parley" in line
    assert f"process {first.process.pid}" in line
    with psycopg.connect(database_url(first)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,), "the first one was disturbed"


def test_database_that_cannot_be_reached(tmp_path: Path, start_parley: Start) -> None:
    url = f"postgresql://parley:hunter2@127.0.0.1:{free_port()}/parley"
    line = refusal(start_parley(tmp_path / "data", DATABASE_URL=url, TGI_URL="http://127.0.0.1:9"))
    assert line.startswith("DATABASE_URL: cannot connect to that database: ")
    assert "hunter2" not in line


def test_model_that_does_not_exist(tmp_path: Path, start_parley: Start) -> None:
    started = start_parley(tmp_path / "data", MODEL_ID="/no/such/model.gguf")
    started.process.wait(LIMIT)
    assert started.process.returncode != 0
    line = started.output.splitlines()[-1]
    assert "MODEL_ID" in line
    assert "/no/such/model.gguf" in line
    assert "Traceback" not in started.output
    assert not list(started.data_dir.rglob(".s.PGSQL*")), "the database was left running"
