"""Finds the browser that the tests drive: the system's Chromium or Chrome, or the one Playwright downloads.

As a command it prints the path, or says in one line how to get one and exits with 1.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APPLICATIONS = (  # macOS
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
DOWNLOADS = ("~/.cache/ms-playwright", "~/Library/Caches/ms-playwright")
DOWNLOADED = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/Chromium.app/Contents/MacOS/Chromium",
    "chromium-*/chrome-mac*/*Chrome*.app/Contents/MacOS/*Chrome*",
)
HOW_TO_GET_ONE = (
    "No browser for the tests: `apt-get install chromium`, or `.venv/bin/playwright install chromium`,"
    " or set CHROMIUM to the path of one."
)


class NoChromiumError(Exception):
    """There is no browser; the text says how to get one."""


def find_chromium() -> str:
    """The path of a Chromium: CHROMIUM, on PATH, an application, or Playwright's newest download.

    Raises:
        NoChromiumError: none of them is there, or CHROMIUM names none.
    """
    if named := os.environ.get("CHROMIUM"):
        if found := shutil.which(named):
            return found
        raise NoChromiumError(f"CHROMIUM: {named} is not a program. Set it to the path of Chromium, or unset it.")
    candidates = [*map(shutil.which, COMMANDS), *map(shutil.which, APPLICATIONS), *_downloads()]
    for candidate in filter(None, candidates):
        return candidate
    raise NoChromiumError(HOW_TO_GET_ONE)


def _downloads() -> list[str]:
    folders = [Path(folder).expanduser() for folder in DOWNLOADS]
    if chosen := os.environ.get("PLAYWRIGHT_BROWSERS_PATH"):
        folders = [Path(chosen)]
    found = [path for folder in folders for pattern in DOWNLOADED for path in folder.glob(pattern)]
    return [str(path) for path in sorted(found, key=_revision, reverse=True) if os.access(path, os.X_OK)]


def _revision(path: Path) -> int:
    """The number in Playwright's folder name, chromium-1234."""
    name = next(part for part in path.parts if part.startswith("chromium-"))
    digits = name.removeprefix("chromium-")
    return int(digits) if digits.isdecimal() else 0


if __name__ == "__main__":
    try:
        sys.stdout.write(find_chromium() + "\n")
    except NoChromiumError as error:
        sys.exit(str(error))
