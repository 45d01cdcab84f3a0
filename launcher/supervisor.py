"""Keeps the services running: starts them, watches them start, restarts what dies later, ends them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from launcher.console import say
from launcher.errors import FAILURE, USAGE, CannotStart
from launcher.processes import Child, Command, end, spawn
from launcher.signals import Signals

POLL = 0.05  # seconds between two looks at a service that is starting
FIRST_PAUSE = 0.1  # seconds before the first restart; doubles with each further one
LONGEST_PAUSE = 30.0
STABLE_AFTER = 60.0  # seconds a service has to run before its earlier failures are forgotten


def nothing() -> None:
    """The preparation of a service that needs none."""


@dataclass
class Service:
    """A command that is to be running. `prepare` comes before each start and may raise CannotStart."""

    command: Command
    prepare: Callable[[], None] = nothing
    last: bool = False  # ended after the others have gone: they still need it while they stop
    child: Child | None = None
    failures: int = 0
    restart_at: float = field(default=0.0)  # time.monotonic(), while it is down


class Supervisor:
    """Runs services until it is told to stop. `on_change` is given the children after every start."""

    def __init__(self, signals: Signals, on_change: Callable[[Iterable[Child]], None]) -> None:
        self._signals = signals
        self._on_change = on_change
        self._services: list[Service] = []

    def start(self, service: Service) -> Child:
        """Start a service for the first time, and from now on see to it.

        Raises:
            CannotStart, StopRequested
        """
        with self._signals.interruptible():
            service.prepare()
        service.child = child = _spawn(service.command)
        self._services.append(service)
        self._on_change(self._children())
        return child

    def wait_until(self, is_ready: Callable[[], bool], on_poll: Callable[[], None] = nothing) -> None:
        """Wait for a service to become ready, while none of those started dies.

        Raises:
            CannotStart: one did; its exit code 2 and last line are passed on, as it has refused its settings.
            StopRequested
        """
        while True:
            self._require_all_alive()
            with self._signals.interruptible():
                if is_ready():
                    return
            on_poll()
            self._signals.wait(POLL)

    def run(self, command: Command) -> Child:
        """Run a command to its end, while none of the services dies.

        Raises:
            CannotStart: a service did; the command is ended.
            StopRequested
        """
        child = _spawn(command)
        try:
            self._on_change([*self._children(), child])
            while child.is_alive():
                self._require_all_alive()
                self._signals.wait(None)  # the end of any child is a signal
        finally:
            end([child], command.stop_steps)
        return child

    def watch(self) -> None:
        """Restart what dies, with growing pauses. Ends by StopRequested only."""
        while True:
            for service in self._services:
                self._look_after(service)
            due = [service.restart_at for service in self._services if service.child is None]
            self._signals.wait(max(0.0, min(due) - time.monotonic()) if due else None)

    def stop(self) -> None:
        """End every service and wait until none is left. A further request to stop changes nothing."""
        for last in (False, True):
            group = [service for service in self._services if service.last is last and service.child]
            for steps in {service.command.stop_steps for service in group}:
                end([s.child for s in group if s.child and s.command.stop_steps == steps], steps)

    def _children(self) -> list[Child]:
        return [service.child for service in self._services if service.child]

    def _require_all_alive(self) -> None:
        for child in self._children():
            if child.exit_code is not None:
                raise CannotStart(_why_it_ended(child), USAGE if child.exit_code == USAGE else FAILURE)

    def _look_after(self, service: Service) -> None:
        now = time.monotonic()
        if service.child is None:
            if now >= service.restart_at:
                self._restart(service)
        elif service.child.exit_code is not None:
            if now - service.child.started > STABLE_AFTER:
                service.failures = 0
            self._plan_restart(service, f"{_exit(service.child)}, see {service.command.log}")

    def _restart(self, service: Service) -> None:
        try:
            with self._signals.interruptible():
                service.prepare()
            service.child = _spawn(service.command)
        except CannotStart as error:
            self._plan_restart(service, str(error))
        else:
            self._on_change(self._children())
            say(f"Started {service.command.title} again.")

    def _plan_restart(self, service: Service, why: str) -> None:
        pause = min(FIRST_PAUSE * 2**service.failures, LONGEST_PAUSE)
        service.child = None
        service.failures += 1
        service.restart_at = time.monotonic() + pause
        say(f"{_sentence(service.command.title)} stopped ({why}); starting it again in {pause:g} s.")


def _spawn(command: Command) -> Child:
    try:
        return spawn(command)
    except OSError as error:
        raise CannotStart(f"Could not start {command.title}: {error}.") from None


def _why_it_ended(child: Child) -> str:
    tail: list[str] = []
    with suppress(OSError):
        tail = child.log_tail()
    if child.exit_code == USAGE and tail:
        return tail[-1]
    lines = "".join(f"\n    {line}" for line in tail)
    return f"{_sentence(child.command.title)} did not start ({_exit(child)}). {child.command.log} ends:{lines}"


def _exit(child: Child) -> str:
    code = child.exit_code
    return f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _sentence(title: str) -> str:
    return title[:1].upper() + title[1:]
