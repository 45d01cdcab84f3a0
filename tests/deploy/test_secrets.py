"""scripts/secrets.sh (`make secrets`), and what the containers do with its files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from launcher import REPOSITORY
from launcher.backup.reach import configured
from launcher.postgres import temporary_cluster
from tests.launcher.running import clean_environment

NAMES = {"secret_key", "database_url", "database_password", "postgres_password", "tgi_api_key"}


def make_secrets(folder: Path) -> dict[str, str]:
    """Run it. Returns the files' contents by their name."""
    subprocess.run([REPOSITORY / "scripts/secrets.sh", folder], check=True, stdout=subprocess.DEVNULL)
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_each_secret_is_long_random_and_its_own(tmp_path: Path):
    found = make_secrets(tmp_path / "one")
    assert set(found) == NAMES
    random = NAMES - {"database_url"}
    assert all(len(found[name]) == 64 for name in random)
    others = make_secrets(tmp_path / "two")
    assert len({made[name] for made in (found, others) for name in random}) == 2 * len(random)
    url = urlsplit(found["database_url"])
    assert (url.username, url.password, url.hostname) == ("parley", found["database_password"], "postgres")


def test_what_is_there_stays(tmp_path: Path):
    tmp_path.chmod(0o755)
    (tmp_path / "database_password").write_text("given")
    first = make_secrets(tmp_path)
    assert first["database_password"] == "given"
    assert urlsplit(first["database_url"]).password == "given"
    assert make_secrets(tmp_path) == first


def test_users_of_containers_may_read_the_files_and_nobody_else_may_reach_them(tmp_path: Path):
    folder = tmp_path / "secrets"
    make_secrets(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


def test_the_database_gets_a_role_for_the_site_that_is_no_superuser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The script that the postgres image runs once, on a cluster of ours."""
    secrets = make_secrets(tmp_path)
    with temporary_cluster() as url, psycopg.connect(url) as connection:
        # This cluster has the names already, and another superuser than the image's.
        script = (REPOSITORY / "deploy/postgres-init.sh").read_text().replace("parley", "site_role")
        as_superuser = url.replace("//parley@", "//postgres@", 1).rpartition("/")[0]
        monkeypatch.setenv("DATABASE_URL", url)
        with configured() as found:
            folder = found.folder
        script = script.replace("--username=postgres --dbname=postgres", f"--dbname={as_superuser}/postgres")
        env = clean_environment(
            PATH=f"{folder}:{os.environ['PATH']}", DATABASE_PASSWORD_FILE=tmp_path / "database_password"
        )
        subprocess.run(["/bin/sh", "-c", script], env=env, check=True)
        role = connection.execute("SELECT rolsuper, rolcanlogin FROM pg_roles WHERE rolname = 'site_role'").fetchone()
        assert role == (False, True)
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'site_role'"
        ).fetchone()
        assert owner == ("site_role",)
    assert secrets["database_password"] not in script
