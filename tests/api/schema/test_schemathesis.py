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
# `SCHEMATHESIS_SECONDS=600` looks for so long.
SECONDS = os.environ.get("SCHEMATHESIS_SECONDS", "")
ENDS_ACCESS = "account_delete account_password log_ins_end_all"


@pytest.mark.timeout(900 + int(SECONDS or 0))
async def test_schemathesis_finds_nothing(site: SiteServer, tmp_path: Path):
    exploring = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "--no-color"),
        *("run", f"{site.url}/api/schema/", *(["--max-time", SECONDS] if SECONDS else [])),
        env={**os.environ, "SITE_URL": site.url, "ENDS_ACCESS": ENDS_ACCESS, "PYTHONPATH": str(REPOSITORY)},
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await exploring.communicate()
    text = said.decode()
    print(text[text.rfind("= SUMMARY =") - 40 :])  # noqa: T201 - for whoever runs pytest with -s
    assert exploring.returncode == 0, text
