"""`manage.py prepare`: everything between installing (or upgrading) and serving, in one process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from config.bundles import BundleStorage
from config.catalogs import compile_all

# Any fixed number: hosts that start at once migrate one after the other.
MIGRATION_LOCK = 0x4D494752
FINGERPRINT = ".fingerprint"


class Command(BaseCommand):
    help = (
        "Apply migrations, clear away log-ins that have run out, compile translations, and collect, hash and compress "
        "the static files if they have changed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self._migrate()
        call_command("clearsessions")  # log-ins that have run out
        compile_all(Path(settings.LOCALE_PATHS[0]))
        self._collect_static()

    def _migrate(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
            try:
                call_command("migrate", interactive=False, verbosity=1, stdout=self.stdout)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])

    def _collect_static(self) -> None:
        marker = Path(settings.STATIC_ROOT) / FINGERPRINT
        now = static_fingerprint()
        if marker.is_file() and marker.read_text() == now:
            return
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        marker.write_text(now)


def static_fingerprint() -> str:
    """A digest that changes when any static file does (its name, size or time; a bundle's text)."""
    return hashlib.sha256("\n".join(sorted(_static_files())).encode()).hexdigest()


def _static_files() -> Iterator[str]:
    for finder in get_finders():
        for name, storage in finder.list([]):
            if isinstance(storage, BundleStorage):
                with storage.open(name) as bundle:
                    yield f"{name} {hashlib.sha256(bundle.read()).hexdigest()}"
            else:
                found = Path(storage.path(name)).stat()
                yield f"{name} {found.st_size} {found.st_mtime_ns}"
