"""`python -m launcher.backup save [FILE]` and `… restore FILE`. See the package's docstring."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from launcher import REPOSITORY
from launcher.backup import archive, reach
from launcher.console import complain, say
from launcher.errors import USAGE, CannotStart


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m launcher.backup", description="Save the database, or restore it.")
    parser.add_argument("--compose", action="store_true", help="the database of docker-compose.gpu.yml")
    verbs = parser.add_subparsers(dest="verb", required=True)
    save = verbs.add_parser("save", help="write the database into a new file")
    save.add_argument("file", nargs="?", type=Path, help="default: a name with the time, under DATA_DIR/backups")
    restore = verbs.add_parser("restore", help="put the content of such a file into the database")
    restore.add_argument("file", type=Path)
    restore.add_argument("--overwrite", action="store_true", help="in place of all that the database has")
    options = parser.parse_args()
    try:
        with reach.compose() if options.compose else reach.configured() as database:
            if options.verb == "save":
                path = options.file or _new_name()
                archive.save(database, path)
                say(f"Saved {path} ({path.stat().st_size / 1e6:.1f} MB). Keep the secret key as well: docs/DEPLOY.md.")
            else:
                archive.restore(database, options.file, overwrite=options.overwrite)
                say(f"Restored {options.file}. The next start brings tables of an older version up to date.")
    except CannotStart as error:
        complain(str(error))
        return error.exit_code
    except OSError as error:
        complain(f"{error.filename or 'A program'}: {error.strerror}.")
        return USAGE
    return 0


def _new_name() -> Path:
    folder = Path(os.environ.get("DATA_DIR") or REPOSITORY / ".data").expanduser() / "backups"
    return folder / f"parley-{datetime.now(UTC):%Y%m%d-%H%M%S}.dump"


if __name__ == "__main__":
    sys.exit(main())
