"""`python3 -m launcher.bootstrap [--dev] [ARGUMENT …]`: make the virtual environment, then become its Python.

Run by whatever `python3` there is. This file keeps to what old versions can parse, so that it can refuse them
in one line. The arguments are those of the environment's Python, which replaces this process: signals need no
forwarding.
"""

import importlib.util
import os
import sys

OLDEST = (3, 11)
UNUSABLE = 2  # exit code


def find_fault() -> "str | None":
    """Why this Python will not do, in one line; None if it will."""
    if sys.version_info < OLDEST:
        return (
            "Parley needs Python 3.11 or newer; {} is {}.{}. Install one and name it, for example:"
            " make run PYTHON=python3.12".format(sys.executable, *sys.version_info)
        )
    if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
        return "Python's venv module is missing: install it (on Debian: apt-get install python3-venv)."
    return None


def main(arguments: "list[str]") -> int:
    """Install what is missing; with arguments, go on as the environment's Python. Returns the exit code."""
    fault = find_fault()
    if fault:
        sys.stderr.write(fault + "\n")
        return UNUSABLE
    from launcher.install import install

    dev = arguments[:1] == ["--dev"]
    python, code = install(dev=dev)
    then = arguments[1:] if dev else arguments
    if code == 0 and then:
        os.execv(python, [python, *then])  # noqa: S606 - no shell is wanted
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
