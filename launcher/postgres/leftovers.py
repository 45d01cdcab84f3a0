"""Servers of a cluster that outlived the launcher: a killed launcher's, or a killed postmaster's backends.

`postmaster.pid` alone cannot be trusted: its process id may since belong to another program. Every process of
a PostgreSQL server has the data folder as its working directory, and that cannot be mistaken.
"""

from __future__ import annotations

import signal
from pathlib import Path

import psutil

from launcher.foreign import ForeignProcess
from launcher.processes import StopStep, end

# A postmaster stops its backends itself; SIGQUIT then ends each at once, and the next start recovers.
POSTMASTER_STEPS = (StopStep(signal.SIGINT, 3.0), StopStep(signal.SIGQUIT, 1.0))
# Backends without a postmaster notice and exit by themselves, unless a long statement keeps them busy.
BACKEND_STEPS = (StopStep(signal.SIGQUIT, 2.0),)


def end_leftovers(data: Path) -> None:
    """End every process that still works on the data folder, and remove its stale postmaster.pid.

    The caller holds the lock on DATA_DIR, so whatever is found is nobody's.
    """
    pid_file = data / "postmaster.pid"
    postmaster = int(pid_file.read_text().partition("\n")[0] or 0)
    found = [process for process in psutil.process_iter(["name"]) if _works_on(process, data)]
    end([ForeignProcess(process) for process in found if process.pid == postmaster], POSTMASTER_STEPS)
    end([ForeignProcess(process) for process in found], BACKEND_STEPS)
    pid_file.unlink(missing_ok=True)


def _works_on(process: psutil.Process, data: Path) -> bool:
    try:
        return process.info["name"] == "postgres" and Path(process.cwd()) == data
    except psutil.Error:  # it has just ended, or belongs to another user, as ours never do
        return False
