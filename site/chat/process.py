"""What one web process runs besides serving requests: its answers, the checkpoint writer, the log reader, and the
look-out for answers that a lost process left behind."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import socket
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connection, transaction

from accounts import jwts
from accounts.sessions import LogInRow, load_log_ins
from chat import leases, purging
from chat.accepting import Accepted, Question, accept
from chat.admission import limit
from chat.batches import Batch
from chat.checkpoint import CheckpointWriter
from chat.database import in_thread, in_thread_patiently
from chat.follow import LogReader, follow
from chat.history import RunInput, first_run
from chat.relay import Listener, Teller
from chat.runs import Run
from chat.unstored import Unstored
from inference.client import InferenceClient
from inference.errors import InferenceError
from inference.protocol import ModelInfo

logger = logging.getLogger(__name__)

LOOK_OUT_S = 1.0
MOST_TAKEN_AT_ONCE = 50
ENDING_GRACE_S = 1.0
PURGE_EVERY_S = 60.0

T = TypeVar("T")


class ChatProcess:
    """The answers of this process. Made, started and stopped on the event loop that serves the requests."""

    def __init__(self, client: InferenceClient, *, retry_for_s: float) -> None:
        self.client = client
        self.owner = f"{socket.gethostname()[:100]}:{os.getpid()}:{secrets.token_hex(4)}"
        self.writer = CheckpointWriter(self.owner)
        self.log_reader = LogReader(Listener(self.owner))
        self.runs: dict[UUID, Run] = {}
        self._teller = Teller(self.owner, self.runs)
        self.followers = 0
        self.questions: Batch[Question, Accepted] = Batch(self.accept, apart=lambda question: question.owner_id)
        self.unstored = Unstored()
        self.log_ins: Batch[str, LogInRow | None] = Batch(load_log_ins)
        self.draining = asyncio.Event()
        self._retry_for_s = retry_for_s
        self._loop = asyncio.get_running_loop()
        self._looking_out: asyncio.Task[None] | None = None
        self._purge_at = 0.0
        self._run_tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self.writer.start()
        await self._teller.start()
        self._looking_out = asyncio.create_task(self._look_out(), name="look-out")

    def drain(self) -> None:
        """Followers end now; their clients come back, to another process or to this one's successor."""
        self.draining.set()
        self.log_reader.close()
        for run in self.runs.values():
            run.feed.close()

    async def stop(self) -> None:
        """Checkpoint all answers and hand them over: the leases are free when this returns."""
        self.drain()
        if self._looking_out is not None:
            self._looking_out.cancel()
        await self._teller.close()
        self.unstored.close()
        try:
            await self.writer.close()
        except (DatabaseError, OSError):
            logger.exception("the last checkpoint failed; answers go on from the one before")
        for run in self.runs.values():
            run.lose()
        if self._run_tasks:
            await asyncio.wait(set(self._run_tasks), timeout=ENDING_GRACE_S)
        try:
            await in_thread(leases.release, owner=self.owner)
        except (DatabaseError, OSError):
            logger.exception("the leases could not be given back; they expire in %s s", leases.LEASE_S)
        await self.client.close()

    def accept(self, questions: Sequence[Question]) -> list[Accepted | Exception]:
        """Accept questions of different owners, and begin to answer them. Synchronous; see `accepting.accept`."""
        outcomes = accept(questions, lease_owner=self.owner, limit=limit())
        for question, outcome in zip(questions, outcomes, strict=True):
            if not isinstance(outcome, Exception) and outcome[1]:
                given = first_run(outcome[0]) if question.session_id is None else None
                transaction.on_commit(partial(self.begin, outcome[0].pk, given))
        return outcomes

    def begin(self, interaction_id: UUID, given: RunInput | None = None) -> None:
        """Start answering an interaction whose lease this process holds. May be called from any thread."""
        self._loop.call_soon_threadsafe(self._begin, interaction_id, given)

    def stop_run(self, interaction_id: UUID) -> None:
        """Stop an answer at once if it runs here. May be called from any thread."""
        self._loop.call_soon_threadsafe(self._stop_run, interaction_id)

    def known_model(self) -> ModelInfo | None:
        """What is known of the model without a wait. What is not known yet is being asked for when this returns. May be
        called from any thread."""
        if self.client.known_info is None:
            self._loop.call_soon_threadsafe(self.client.learn)
        return self.client.known_info

    def ask_model(self, call: Callable[[InferenceClient], Coroutine[Any, Any, T]], *, timeout_s: float) -> T | None:
        """What a short call to the inference server gives; None where that is not known in time. For other threads than
        the event loop's."""
        asked = asyncio.run_coroutine_threadsafe(call(self.client), self._loop)
        try:
            return asked.result(timeout_s)
        except (TimeoutError, InferenceError):
            asked.cancel()
            return None

    def _begin(self, interaction_id: UUID, given: RunInput | None = None) -> None:
        if self.draining.is_set() or interaction_id in self.runs:
            return
        run = Run(
            interaction_id,
            given=given,
            client=self.client,
            writer=self.writer,
            retry_for_s=self._retry_for_s,
            until_finished=self._until_finished,
        )
        self.runs[interaction_id] = run
        task = run.start()
        self._run_tasks.add(task)
        task.add_done_callback(lambda done: self._forget(interaction_id, done))

    def _forget(self, interaction_id: UUID, task: asyncio.Task[None]) -> None:
        self.runs.pop(interaction_id, None)
        self._run_tasks.discard(task)

    def _stop_run(self, interaction_id: UUID) -> None:
        if run := self.runs.get(interaction_id):
            run.stop()

    async def _until_finished(self, interaction_id: UUID) -> None:
        async for _ in follow(self, interaction_id):
            pass
        if self.draining.is_set():
            # Following ended early. This run's turn does not come here: it is about to be handed over.
            await asyncio.Event().wait()

    async def _look_out(self) -> None:
        """Take over, every second or so, what nobody holds; now and then clear out what was deleted."""
        while True:
            try:
                for interaction_id in await in_thread(leases.take_over, owner=self.owner, limit=MOST_TAKEN_AT_ONCE):
                    self._begin(interaction_id)
                await self._purge()
            except (DatabaseError, OSError) as error:
                logger.warning("look-out: the database is away, trying again: %s", error)
                await self._until_renewed()
            await asyncio.sleep(LOOK_OUT_S * random.uniform(0.7, 1.3))  # noqa: S311 - jitter, not a secret

    async def _purge(self) -> None:
        if self._loop.time() < self._purge_at:
            return
        self._purge_at = self._loop.time() + PURGE_EVERY_S
        if await in_thread(purging.purge) == purging.MOST_AT_ONCE:
            self._purge_at = 0.0  # there are more
            return
        while await in_thread(jwts.flush_expired) == jwts.MOST_FLUSHED:
            pass

    async def _until_renewed(self) -> None:
        """While the database was away every lease may have run out. Whoever lives renews its own as soon as the
        database is back, and gets the time to: otherwise answers would be made twice."""
        await in_thread_patiently(_connect)
        await asyncio.sleep(leases.LEASE_S)


def _connect() -> None:
    connection.ensure_connection()


def stop_runs_on_commit(interaction_ids: Sequence[UUID]) -> None:
    """Stop answers whose rows this transaction takes away, if they run here, once it is committed."""
    process = current()
    if process is not None:
        for interaction_id in interaction_ids:
            transaction.on_commit(partial(process.stop_run, interaction_id))


_current: ChatProcess | None = None


def current() -> ChatProcess | None:
    """This process's answers; None where no web server runs (a management command, a plain test)."""
    return _current


def set_current(process: ChatProcess | None) -> None:
    global _current  # noqa: PLW0603 - one web server in a process, set once by its start-up
    _current = process
