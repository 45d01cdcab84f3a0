"""All of Parley, started as a person starts it: `python -m launcher` with its own ports and data folder."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.launcher.running import STOP_LIMIT, free_port, start_parley

# Seconds until site and model answer: about five on a quiet machine, and test machines are not quiet.
READY_LIMIT = 90.0


@dataclass(frozen=True)
class Stack:
    """A running Parley.

    Attributes:
        url: the site; tgi_url: the model server behind it; both without a slash at the end.
        data_dir: its DATA_DIR, with the logs in `log`.
        process: the launcher.
    """

    url: str
    tgi_url: str
    data_dir: Path
    process: subprocess.Popen[bytes]


@contextmanager
def running_stack(data_dir: Path, **variables: str | Path | int) -> Iterator[Stack]:
    """Start Parley, wait until it is ready, and stop it in the end.

    Args:
        variables: for its environment. TGI_URL and DATABASE_URL: that one is used and none is started.
    """
    port, tgi_port = free_port(), free_port()
    started = start_parley(data_dir, **{"PORT": port, "TGI_PORT": tgi_port, **variables})
    try:
        started.wait_for("Parley is ready", READY_LIMIT)
        tgi_url = str(variables.get("TGI_URL", f"http://127.0.0.1:{tgi_port}"))
        yield Stack(f"http://127.0.0.1:{port}", tgi_url, data_dir, started.process)
    finally:
        if started.process.poll() is None:
            started.process.send_signal(signal.SIGTERM)
            started.process.wait(STOP_LIMIT)
