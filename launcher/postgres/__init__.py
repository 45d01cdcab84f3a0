"""The embedded PostgreSQL, without the rest of Parley.

Developers, in the foreground until Ctrl-C; prints `DATABASE_URL=…` once it accepts connections:

    python -m launcher.postgres              # the cluster of DATA_DIR, kept
    python -m launcher.postgres --temporary  # an empty one, gone when it ends

Tests:

    from launcher.postgres import temporary_cluster

    with temporary_cluster() as database_url:
        ...

Its role may create databases (`test_…`) but is no superuser. Only the user who started it can connect:
PostgreSQL checks by the socket which user of the machine is at the other end, so there is no password.
"""

from launcher.postgres.cluster import Cluster
from launcher.postgres.temporary import temporary_cluster

__all__ = ["Cluster", "temporary_cluster"]
