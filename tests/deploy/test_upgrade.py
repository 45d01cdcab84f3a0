"""deploy/upgrade.sh, with a script in docker's place that keeps a list of containers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from launcher import REPOSITORY

DOCKER = """#!/bin/sh
set -eu
cd "$STATE"
echo "$*" >>said
case "$*" in
    "compose ps --quiet site") cat containers ;;
    "compose build --pull site") touch built ;;
    "compose run --rm prepare") [ -e built ] && [ ! -e broken ] && touch prepared ;;
    "compose up --detach --no-deps --no-recreate"*" site")
        wanted=$(echo "$*" | sed 's/.*site=\\([0-9]*\\).*/\\1/')
        [ -e prepared ]
        while [ "$(wc -l <containers)" -lt "$wanted" ]; do echo "new$(wc -l <containers)" >>containers; done ;;
    "stop "*) [ "$(grep -c new containers)" = "$(grep -c old containers)" ] ;;
    "rm "*) shift; for name; do sed -i "/^$name$/d" containers; done ;;
    *) echo "what is $*?" >&2; exit 9 ;;
esac
"""


def upgrade(folder: Path, containers: str) -> subprocess.CompletedProcess[str]:
    """Run it where these containers run, one a line."""
    (folder / "containers").write_text(containers)
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "STATE": str(folder)}
    script = REPOSITORY / "deploy/upgrade.sh"
    return subprocess.run([script], env=env, capture_output=True, text=True, check=False)


def test_the_old_ones_stop_when_as_many_new_ones_answer(tmp_path: Path):
    done = upgrade(tmp_path, "old1\nold2\n")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "containers").read_text().split() == ["new2", "new3"]
    said = (tmp_path / "said").read_text().splitlines()
    [start] = [number for number, line in enumerate(said) if "--wait" in line]
    assert said.index("stop old1 old2") > start > said.index("compose run --rm prepare")


def test_when_the_tables_cannot_be_prepared_the_old_ones_go_on(tmp_path: Path):
    (tmp_path / "broken").touch()
    assert upgrade(tmp_path, "old1\nold2\n").returncode != 0
    assert (tmp_path / "containers").read_text().split() == ["old1", "old2"]


def test_where_nothing_runs_it_says_how_to_start(tmp_path: Path):
    done = upgrade(tmp_path, "")
    assert done.returncode == 1
    assert "docker compose up" in done.stderr
