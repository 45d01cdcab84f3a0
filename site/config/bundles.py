"""One style sheet and one script for every page, put together from small files, each about one concern.

A part is found by its name in the lists below, whose order is the order in the bundle. A page then costs two requests,
and its parts stay as small as they are best read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django_htmx
from django.contrib.staticfiles.finders import FileSystemFinder
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

from config.env import REPOSITORY

# static/css/<name>.css
STYLES = (
    "tokens",  # first: it declares the order of the layers
    "base",
    "controls",
    "cards",
    "layout",
    "sidebar",
    "thread",
    "turns",
    "welcome",
    "composer",
    "help",
    "lists",
    "settings",
    "share",
    "answer",
    "live",
    "highlight",
    "print",
)
# HTMX and its extension come with django-htmx, pinned; what they declare is there for all.
LIBRARIES = ("django_htmx/htmx-2.min.js", "django_htmx/ext/hx-sse-2.min.js")
# static/js/<name>.js
SHARED_SCRIPT = "page"  # what it declares is there for the others, too
SCRIPTS = (
    "live",
    "thread",
    "drafts",  # before composer, which looks at what was restored
    "composer",
    "shortcuts",
    "trouble",
    "copy",  # before focus: a copy button is the first of an answer's
    "focus",  # before streams: it looks where the focus was before the end replaces it
    "streams",
    "reading",
    "menus",
)

PARTS = REPOSITORY / "static"
_STYLE_COMMENT = re.compile(r"\s*/\*.*?\*/", re.DOTALL)
_SCRIPT_COMMENT = re.compile(r"^\s*//.*\n", re.MULTILINE)


def styles() -> str:
    """The style sheet, without its comments."""
    return "".join(_STYLE_COMMENT.sub("", (PARTS / f"css/{name}.css").read_text()).lstrip() for name in STYLES)


def script() -> str:
    """The script: a module, in which each part is a block of its own, so that no two can clash."""
    libraries = "".join(f"{_library(name).rstrip()}\n" for name in LIBRARIES)
    parts = "".join(f"{{\n{_script_part(name)}}}\n" for name in SCRIPTS)
    return libraries + _script_part(SHARED_SCRIPT) + parts


def _library(name: str) -> str:
    return (Path(django_htmx.__file__).parent / "static" / name).read_text()


def _script_part(name: str) -> str:
    """Whole lines of comment go; a comment behind code stays."""
    return _SCRIPT_COMMENT.sub("", (PARTS / f"js/{name}.js").read_text()).lstrip()


BUNDLES: dict[str, Callable[[], str]] = {"parley.css": styles, "parley.js": script}


class BundleStorage(Storage):
    """The bundles as files to be collected. They are made when they are read."""

    def path(self, name: str) -> str:
        return name

    def exists(self, name: str) -> bool:
        return name in BUNDLES

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        return ContentFile(BUNDLES[name]().encode(), name)

    def get_modified_time(self, name: str) -> datetime:
        """Always new: what decides whether files are collected is `manage.py prepare`."""
        return datetime.now(UTC)


class BundleFinder(FileSystemFinder):
    """The bundles in place of their parts, and what else is in the folder of static files."""

    bundles = BundleStorage()

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, Any]]:
        for name in BUNDLES:
            yield name, self.bundles
        yield from super().list([*(ignore_patterns or []), "css", "js"])
