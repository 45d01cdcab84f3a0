"""`python -m launcher`: run all of Parley. The environment's variables are in the README's table."""

from __future__ import annotations

import sys

from launcher.console import complain
from launcher.errors import FAILURE, USAGE, CannotStart
from launcher.signals import Signals


def main() -> int:
    """Run until told to stop, and give the exit code."""
    signals = Signals()  # before the imports that take time: Ctrl-C in the first moment is a request, too
    from config.env import EnvError, read_env
    from launcher.start import run

    try:
        return run(read_env(), signals)
    except EnvError as error:
        complain(str(error))
        return USAGE
    except CannotStart as error:
        complain(str(error))
        return error.exit_code
    except OSError as error:  # a full disk, a folder without permission: the text names the file
        complain(f"Parley could not go on: {error}.")
        return FAILURE


if __name__ == "__main__":
    sys.exit(main())
