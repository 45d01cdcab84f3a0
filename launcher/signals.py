"""SIGINT, SIGTERM and SIGHUP ask the launcher to stop; it notices at once, but never in mid-step."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class StopRequested(Exception):
    """The launcher was asked to stop. Raised by `Signals`, once."""


class Signals:
    """Takes over the process's signals. Make one, in the main thread, before the first child starts.

    Outside `wait` and `interruptible` a request is only noted: no child that is being started is forgotten.
    """

    def __init__(self) -> None:
        self._requested = False
        self._may_raise = False
        self._wake, notify = socket.socketpair()
        self._wake.setblocking(False)
        notify.setblocking(False)
        self._notify = notify
        signal.set_wakeup_fd(notify.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # it only has to wake `wait`
        signal.signal(signal.SIGINT, self._request)
        signal.signal(signal.SIGTERM, self._request)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup it is ignored, and stays so
            signal.signal(signal.SIGHUP, self._request)

    def _request(self, *_: object) -> None:
        self._requested = True
        if self._may_raise:
            self._may_raise = False
            raise StopRequested

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """In here, a request to stop raises StopRequested at once, wherever the code is."""
        self._may_raise = True
        try:
            if self._requested:
                raise StopRequested
            yield
        finally:
            self._may_raise = False

    def wait(self, seconds: float | None, *others: int) -> bool:
        """Wait for a signal (a child that ended is one), for input on another fd, or for the time-out.

        Returns:
            Whether one of the other fds has input, or is closed.

        Raises:
            StopRequested: the launcher was asked to stop.
        """
        ready: list[int] = []
        if not self._requested:
            ready, _, _ = select.select([self._wake.fileno(), *others], [], [], seconds)
            self._drain()
        if self._requested:
            raise StopRequested
        return not set(ready).isdisjoint(others)

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            self._wake.recv(4096)
