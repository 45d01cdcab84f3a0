"""`make manage`: Django's commands on the database of `make run`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from launcher import REPOSITORY
from tests.launcher.conftest import Start
from tests.launcher.running import clean_environment


def manage(data_dir: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "launcher.manage", *arguments],
        cwd=REPOSITORY,
        env={**clean_environment(), "DATA_DIR": str(data_dir), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_database_is_started_for_it_or_used_as_it_runs(tmp_path: Path, start_database: Start):
    assert manage(tmp_path, "migrate", "--verbosity=0").returncode == 0
    account = {"DJANGO_SUPERUSER_PASSWORD": "correct horse battery"}
    made = manage(tmp_path, "createsuperuser", "--no-input", "--username=ada", "--email=", **account)
    assert (made.returncode, "created" in made.stdout) == (0, True), made.stderr
    start_database(tmp_path).wait_for("DATABASE_URL=")
    again = manage(tmp_path, "createsuperuser", "--no-input", "--username=ada", "--email=", **account)
    assert (again.returncode, "already taken" in again.stderr) == (1, True)
    assert manage(tmp_path, "unlock", "ada").returncode == 0


def test_a_variable_that_cannot_be_used_is_named(tmp_path: Path):
    refused = manage(tmp_path, "check", PORT="many")
    assert (refused.returncode != 0, "PORT" in refused.stderr) == (True, True)
    assert "Traceback" not in refused.stderr
