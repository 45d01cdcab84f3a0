"""`python -m launcher.manage COMMAND …`: Django's command line on the database that `make run` has, which is started
for it if it does not run."""

from __future__ import annotations

import subprocess
import sys

from launcher import SITE
from launcher.backup.reach import database_url, environment
from launcher.console import complain
from launcher.errors import CannotStart
from launcher.services import PYTHON, site_environment


def main() -> int:
    try:
        env = environment()
        with database_url(env) as url:
            command = [PYTHON, str(SITE / "manage.py"), *sys.argv[1:]]
            made = site_environment(env, database_url=url, tgi_url=env.tgi_url or "")
            return subprocess.run(command, env=made, check=False).returncode
    except CannotStart as error:
        complain(str(error))
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
