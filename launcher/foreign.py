"""Processes that are not our children: found, told apart from a reused process id, and ended like our own."""

from __future__ import annotations

from contextlib import suppress

import psutil

CLOCK_SLACK = 1.0  # seconds by which two readings of one process's start time may differ


class ForeignProcess:
    """A process to be ended. A zombie that its own parent has not reaped counts as ended."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process

    def send_signal(self, number: int) -> None:
        with suppress(psutil.NoSuchProcess):
            self._process.send_signal(number)

    def is_alive(self) -> bool:
        try:
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def find(pid: int, created: float) -> ForeignProcess | None:
    """The process with this id, if it is the one that began at `created` (seconds since the epoch)."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) <= CLOCK_SLACK
    except psutil.NoSuchProcess:
        return None
    return ForeignProcess(process) if same else None


def created(pid: int) -> float:
    """When the process began, in seconds since the epoch; 0 if it has already gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0
