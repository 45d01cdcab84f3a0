#!/usr/bin/env python
"""Django's command line for Parley."""

import os
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Run as a script, `site/` is on the path already; run through a link or a tool, it may not be.
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from config.env import EnvError

    try:
        execute_from_command_line(sys.argv)
    except (EnvError, ImproperlyConfigured) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
