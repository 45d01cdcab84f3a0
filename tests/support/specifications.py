"""The examples of CommonMark's and GitHub's specifications, out of the source of a package that has both.

They are under a licence of their own, so they are fetched and not kept here: `specifications.txt` pins the source and
its hash. As a command it fetches it into the virtual environment, once, or says in one line why it cannot and exits
with 1.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from launcher.pip import InstallError, run_logged

PIN = Path(__file__).with_suffix(".txt")
FOLDER = Path(sys.prefix) / "specifications"
LOG = Path(sys.prefix) / "install.log"
_PINNED = re.compile(r"^(?P<name>\w+)==(?P<version>\S+) --hash=sha256:(?P<hash>[0-9a-f]{64})$", re.MULTILINE)
_EXAMPLE = re.compile(r"^`{32} example[^\n]*\n(?P<text>.*?)^\.\n(?P<html>.*?)^`{32}$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """The `number`th example of a specification: Markdown, and the HTML that it stands for."""

    number: int
    text: str
    html: str


def examples(specification: Literal["commonmark", "gfm"]) -> list[Example]:
    """All examples of one specification, in order.

    Raises:
        InstallError: the source is not there, or not the one that is pinned.
    """
    source, name, wanted = _pinned()
    if not _is_good(source, wanted):
        raise InstallError(f"{source} is missing or damaged: `make test` fetches it.")
    with tarfile.open(source) as archive:
        file = archive.extractfile(f"{name}/tests/spec/{specification}.txt")
        text = file.read().decode() if file else ""
    return [
        Example(number, found["text"].replace("→", "\t"), found["html"].replace("→", "\t"))
        for number, found in enumerate(_EXAMPLE.finditer(text), start=1)
    ]


def fetch() -> None:
    """Download the source where it is not there already.

    Raises:
        InstallError: it cannot be had, or is not what is pinned.
    """
    source, _, wanted = _pinned()
    if _is_good(source, wanted):
        return
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as fresh:
        pip = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "download"]
        # pip reads the name and version of a source by its build tool, which is pinned and installed with the tests.
        run_logged(
            [*pip, "--no-deps", "--no-build-isolation", "--require-hashes", "--requirement", str(PIN), "--dest", fresh],
            {"PIP_RETRIES": "2", **os.environ},
            LOG,
        )
        if not _is_good(Path(fresh) / source.name, wanted):
            raise InstallError(f"Set-up failed: {source.name} is not the one that {PIN.name} pins.")
        (Path(fresh) / source.name).replace(source)


def _pinned() -> tuple[Path, str, str]:
    """Where the source is kept, the folder in it, and its hash."""
    pinned = _PINNED.search(PIN.read_text())
    if pinned is None:
        raise InstallError(f"{PIN.name} pins no version with its hash.")
    name = f"{pinned['name']}-{pinned['version']}"
    return FOLDER / f"{name}.tar.gz", name, pinned["hash"]


def _is_good(source: Path, wanted: str) -> bool:
    return source.is_file() and hashlib.sha256(source.read_bytes()).hexdigest() == wanted


if __name__ == "__main__":
    try:
        fetch()
    except (InstallError, OSError) as error:
        sys.exit(str(error))
