"""Schemathesis looks for what is off the description: with data that fits it and data that does not, operation by
operation and along its links, on a real server with a real database."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from launcher import REPOSITORY
from tests.support.site_server import SiteServer

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
# `make explore` looks for so long, elsewhere each time; the tests look at the same places each time.
SECONDS = int(os.environ.get("EXPLORE_SECONDS", "0"))
HOW = ("--max-time", str(SECONDS)) if SECONDS else ("--generation-deterministic",)
# Two processes at once: the first two phases are as long as all the rest.
PHASES = ("examples,coverage", "fuzzing,stateful")
ENDS_ACCESS = "account_delete account_password log_ins_end_all"


@pytest.mark.timeout(300 + SECONDS)
async def test_schemathesis_finds_nothing(site: SiteServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    found = await asyncio.gather(*(explore(site, tmp_path, phases) for phases in PHASES))
    with capsys.disabled():
        print("", *(text[text.find("SUMMARY") :] for _, text in found), sep="\n")  # noqa: T201 - for the reader
    assert [code for code, _ in found] == [0, 0], "\n".join(text for _, text in found)


async def explore(site: SiteServer, folder: Path, phases: str) -> tuple[int | None, str]:
    """The exit code, and what it says."""
    exploring = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "--no-color"),
        *("run", f"{site.url}/api/schema/", "--phases", phases, *HOW),
        env={**os.environ, "SITE_URL": site.url, "ENDS_ACCESS": ENDS_ACCESS, "PYTHONPATH": str(REPOSITORY)},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await exploring.communicate()
    return exploring.returncode, said.decode()
