"""Set-up and supervision: everything behind `make run`.

`bootstrap` makes the virtual environment (standard library only, for any Python); `python -m launcher` then
runs the database, the local model server and the site until it is told to stop; `launcher.postgres` is the
embedded database alone, for development and for tests.
"""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SITE = REPOSITORY / "site"

# The site's folder is on the path, not a package: `config.env` reads the environment for the launcher too.
if str(SITE) not in sys.path:
    sys.path.insert(1, str(SITE))
