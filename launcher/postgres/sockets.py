"""The folder of the database's Unix socket: beside its data, or a short one where that path is too long."""

from __future__ import annotations

import hashlib
import stat
import sys
import tempfile
from pathlib import Path

from launcher.errors import CannotStart
from launcher.postgres.account import Account

PORT = 5432  # only part of the socket's file name
SOCKET_NAME = f".s.PGSQL.{PORT}"
LONGEST_PATH = 103 if sys.platform == "darwin" else 107  # bytes, of sockaddr_un.sun_path without its NUL


def socket_folder(cluster: Path) -> Path:
    """Where the cluster's socket goes; the same folder for the same cluster each time."""
    name = "parley-" + hashlib.sha256(bytes(cluster)).hexdigest()[:12]
    candidates = (cluster / "socket", Path(tempfile.gettempdir()) / name, Path("/tmp") / name)  # noqa: S108 - make_private checks it
    for folder in candidates:
        if len(bytes(folder / SOCKET_NAME)) <= LONGEST_PATH:
            return folder
    raise AssertionError("the last candidate is always short enough")


def make_private(folder: Path, account: Account) -> None:
    """Make the folder, for the account alone, and clear it of what a killed server left behind.

    Raises:
        CannotStart: in a shared folder such as /tmp, somebody else has already taken the name.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {
            account.uid,
            Path(folder.parent).stat().st_uid,
        }:
            raise CannotStart(f"{folder} belongs to somebody else: remove it, or set TMPDIR.") from None
    account.give(folder)
    folder.chmod(0o700)
    clear(folder)


def clear(folder: Path) -> None:
    """Remove the socket and its lock file, if a server that was killed left them."""
    for name in (SOCKET_NAME, SOCKET_NAME + ".lock"):
        (folder / name).unlink(missing_ok=True)
