"""`make run`, once everything is installed: start all of Parley, watch over it, and end it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing

from config.env import Env
from launcher.console import Stopwatch, complain, say
from launcher.errors import USAGE, CannotStart
from launcher.instance import Instance
from launcher.ports import listen, require_free, site_url
from launcher.postgres import Cluster
from launcher.processes import Child
from launcher.readiness import answers
from launcher.services import LOOPBACK, log_file, prepare_command, site_environment, tgi_command, web_command
from launcher.signals import Signals, StopRequested
from launcher.supervisor import Service, Supervisor

CONNECT_TIMEOUT = 5  # seconds, to a DATABASE_URL
PATIENCE = 15.0  # seconds between two lines that say what is still being waited for


def run(env: Env, signals: Signals) -> int:
    """Run Parley until it is told to stop.

    Returns:
        The exit code: 0 after a requested stop.

    Raises:
        CannotStart: it could not be started; nothing is left running.
    """
    with Instance(env.data_dir) as instance, closing(listen(env.host, env.port)) as listener:
        url = site_url(env.host, env.port)
        instance.record(url, [])
        supervisor = Supervisor(signals, lambda children: instance.record(url, children))
        launch = _Launch(env, signals, supervisor, listener)
        try:
            launch.start()
            supervisor.watch()
        except StopRequested:
            say("Stopping …")
        finally:
            launch.stop()
        say("Stopped.")
    return 0


class _Launch:
    """The steps of one start, in the order in which they depend on each other."""

    def __init__(self, env: Env, signals: Signals, supervisor: Supervisor, listener: socket.socket) -> None:
        self._env = env
        self._signals = signals
        self._supervisor = supervisor
        self._listener = listener
        self._cluster: Cluster | None = None
        self._url = site_url(env.host, env.port)

    def start(self) -> None:
        """Start everything and return when the site and the model answer."""
        watch = Stopwatch()
        tgi_url = self._env.tgi_url or self._start_model()  # first: it loads while the rest starts
        database_url = self._use_database() if self._env.database_url else self._start_database()
        environment = site_environment(self._env, database_url=database_url, tgi_url=tgi_url)
        self._prepare(environment)
        self._start_site(environment)
        if self._env.tgi_url:
            self._greet_remote_model(tgi_url)
        else:
            self._wait("the model", lambda: answers(f"{tgi_url}/health"), watch)
        say(f"Parley is ready after {watch}: {self._url}")
        say("First visit: sign up; the first account becomes the administrator. Ctrl-C stops everything.")

    def stop(self) -> None:
        """End every process and leave no socket behind."""
        self._supervisor.stop()
        if self._cluster:
            self._cluster.tidy()

    def _start_model(self) -> str:
        require_free(LOOPBACK, self._env.tgi_port, "TGI_PORT")
        say(f"Loading the model {self._env.model_id or '(the bundled one)'} …")
        self._supervisor.start(Service(tgi_command(self._env)))
        return f"http://{LOOPBACK}:{self._env.tgi_port}"

    def _use_database(self) -> str:
        import psycopg

        url = self._env.database_url or ""
        try:
            with self._signals.interruptible():
                psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT).close()
        except psycopg.Error as error:
            reason = str(error).strip().partition("\n")[0]
            raise CannotStart(f"DATABASE_URL: cannot connect to that database: {reason}", USAGE) from None
        say("Using the database of DATABASE_URL.")
        return url

    def _start_database(self) -> str:
        watch = Stopwatch()
        cluster = Cluster(self._env.data_dir / "postgres", log_file(self._env, "postgres"))
        say("Starting the database …" if cluster.data.exists() else "Making the database …")
        self._cluster = cluster
        child = self._supervisor.start(Service(cluster.command(), cluster.prepare, last=True))
        self._wait("the database", lambda: cluster.is_ready(child.pid), watch)
        with self._signals.interruptible():
            cluster.make_database()
        return cluster.url

    def _prepare(self, environment: Mapping[str, str]) -> None:
        watch = Stopwatch()
        done = self._supervisor.run(prepare_command(self._env, environment))
        if done.exit_code != 0:
            raise _explain_failure(done)
        say(f"Tables and static files are up to date ({watch}).")

    def _start_site(self, environment: Mapping[str, str]) -> None:
        watch = Stopwatch()
        for number in range(1, self._env.web_processes + 1):
            command = web_command(self._env, environment, self._listener.fileno(), number)
            self._supervisor.start(Service(command))
        # The site may be told to answer to its public name alone.
        names = [name.lstrip(".") for name in self._env.allowed_hosts if name != "*"]
        host = names[0] if names else None
        self._wait("the site", lambda: answers(f"{self._url}/healthz", host=host), watch)

    def _greet_remote_model(self, tgi_url: str) -> None:
        with self._signals.interruptible():
            reached = answers(f"{tgi_url}/health", seconds=3.0)
        if not reached:
            complain(f"TGI_URL: {tgi_url} does not answer. The site works without it; answers need it.")

    def _wait(self, title: str, is_ready: Callable[[], bool], watch: Stopwatch) -> None:
        """Wait for a service; say when it is ready and how long it took, and now and then that it is not."""
        last = time.monotonic()

        def remind() -> None:
            nonlocal last
            if time.monotonic() - last > PATIENCE:
                last = time.monotonic()
                say(f"Still waiting for {title} ({watch}); logs are in {self._env.data_dir / 'log'}.")

        self._supervisor.wait_until(is_ready, remind)
        say(f"{title[:1].upper()}{title[1:]} is ready ({watch}).")


def _explain_failure(preparation: Child) -> CannotStart:
    """The site's refusal of a variable is passed on as it is; anything else with the end of the log."""
    tail = preparation.log_tail(5)
    _, refused, reason = tail[-1].partition("ImproperlyConfigured: ") if tail else ("", "", "")
    if refused:
        return CannotStart(reason, USAGE)
    lines = "".join(f"\n    {line}" for line in tail)
    log = preparation.command.log
    return CannotStart(f"Tables and static files could not be brought up to date. {log} ends:{lines}")
