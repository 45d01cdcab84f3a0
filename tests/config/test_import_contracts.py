"""The contracts of `.importlinter`: kept by the code, and each of them able to break."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CONTRACTS = REPOSITORY / ".importlinter"

# Contract → a file and an import in it that break this contract.
VIOLATIONS = {
    "layers": ("site/chat/runs.py", "import chat.views"),
    "inference": ("site/inference/client.py", "import django.db"),
    "models": ("site/chat/models.py", "import chat.views"),
    "pure": ("site/chat/context.py", "import chat.models"),
    "api": ("site/api/views.py", "import chat.presentation"),
    "site-tgi": ("site/inference/protocol.py", "import tgi.protocol"),
    "tgi-site": ("tgi/app.py", "import inference.protocol"),
    "launcher": ("launcher/start.py", "import config.settings"),
}


def lint(folder: Path, *, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the repository's copy in `folder`."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    return subprocess.run(
        [*command, *(["--contract", contract] if contract else [])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "site"), str(folder)])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("site", "tgi", "launcher"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.gguf"))
    shutil.copy(CONTRACTS, tmp_path)
    return tmp_path


def test_every_contract_is_kept(copy: Path):
    result = lint(copy)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(VIOLATIONS)} kept, 0 broken" in result.stdout


def test_every_contract_has_a_violation_below():
    parser = configparser.ConfigParser()
    parser.read(CONTRACTS)
    names = {name.rpartition(":")[2] for name in parser.sections() if "contract:" in name}
    assert names == set(VIOLATIONS)


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_contract_breaks_when_it_is_broken(copy: Path, contract: str):
    path, statement = VIOLATIONS[contract]
    with (copy / path).open("a") as file:
        file.write(f"\n{statement}\n")
    result = lint(copy, contract=contract)
    assert result.returncode != 0
    assert "0 kept, 1 broken" in result.stdout, result.stdout + result.stderr
