"""Runs: the work of answering, one task for each answer, belonging to no request.

A run holds the interaction's lease, streams from the inference server into its feed, and saves the end through the
checkpoint writer. How it may end:

    complete   the model said so
    stopped    somebody asked; the text is kept
    failed     an error that trying again did not mend; the text is kept
    (none)     the lease was lost or handed over: another process goes on from the log
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from chat import history
from chat.answering import Answering
from chat.checkpoint import CheckpointWriter
from chat.context import QueryTooLong
from chat.database import in_thread_patiently
from chat.feed import Feed
from chat.history import RunInput
from chat.leases import MAX_ATTEMPTS, Ended
from chat.models import Interaction, Status
from inference.client import InferenceClient
from inference.errors import InferenceError, Interrupted
from inference.stream import End

logger = logging.getLogger(__name__)


class Run:
    """One answer being made by this process."""

    def __init__(
        self,
        interaction_id: UUID,
        *,
        given: RunInput | None = None,
        client: InferenceClient,
        writer: CheckpointWriter,
        retry_for_s: float,
        until_finished: Callable[[UUID], Awaitable[None]],
    ) -> None:
        """`given` saves reading it from the database; `until_finished` waits for another interaction's end: a question
        asked while the one before it is still being answered takes its turn after it."""
        self.interaction_id = interaction_id
        self.feed = Feed(interaction_id)
        self._answering = Answering(self.feed, client=client, retry_for_s=retry_for_s)
        self._given = given
        self._writer = writer
        self._until_finished = until_finished
        self._stop_wanted = False
        self._loaded = False
        self._saving = False
        self._task: asyncio.Task[None] | None = None

    # What others ask of it

    def start(self) -> asyncio.Task[None]:
        self._writer.add(self, logged=0)
        self._task = asyncio.create_task(self._run(), name=f"run {self.interaction_id}")
        # Not in a `finally` of the task: one that is cancelled before its first step never gets there.
        self._task.add_done_callback(self._clean_up)
        return self._task

    def _clean_up(self, _: asyncio.Task[None]) -> None:
        self._writer.remove(self.interaction_id)
        self.feed.close()

    def stop(self) -> None:
        """End the answer and keep its text. This closes the response, which frees the model at once."""
        if not self._stop_wanted:
            self._stop_wanted = True
            # Before it is loaded there is no end that could be saved; it looks for the wish as soon as it is.
            if self._loaded:
                self._cancel()

    def lose(self) -> None:
        """Leave the answer to whoever has the lease now."""
        self._cancel()

    def _cancel(self) -> None:
        # Once the end is being saved there is nothing left to cut short, and cutting that would lose it.
        if self._task is not None and not self._saving:
            self._task.cancel()

    # The work

    async def _run(self) -> None:
        try:
            given = self._given or await in_thread_patiently(history.load_run, self.interaction_id)
            if given is not None:
                self._resume(given)
                ended = await self._answer(given)
                await self._save(given.interaction, ended)
        except Exception:
            logger.exception("run of %s ended without saving", self.interaction_id)

    def _resume(self, given: RunInput) -> None:
        """Go on from what earlier attempts logged and counted."""
        self._loaded = True
        measured = self.feed.measured
        measured.generated_tokens = given.interaction.generated_tokens or 0
        measured.first_token_ms = given.interaction.first_token_ms
        measured.earlier_ms = given.interaction.duration_ms or 0
        if given.logged:
            self.feed.append(given.logged)
        self._writer.add(self, logged=len(given.logged))

    async def _answer(self, given: RunInput) -> Ended:
        try:
            if given.interaction.stop_requested or self._stop_wanted:
                return self._ended(Status.STOPPED)
            if given.interaction.attempts > MAX_ATTEMPTS:
                raise Interrupted(f"given up after {MAX_ATTEMPTS} attempts")
            end = await self._answering.answer(await self._in_turn(given))
            return self._ended(Status.COMPLETE, end=end)
        except asyncio.CancelledError:
            if not self._stop_wanted:
                raise
            return self._ended(Status.STOPPED)
        except QueryTooLong as error:
            message = (
                f"This message is too long for the model: {error.tokens} tokens, of which it takes "
                f"{error.limit}. Shorten it and send it again."
            )
            return self._ended(Status.FAILED, code="too_long", message=message)
        except InferenceError as error:
            logger.warning("answer %s failed: %s: %s", self.interaction_id, error.code, error)
            return self._ended(Status.FAILED, code=error.code, message=error.message)
        except Exception:
            logger.exception("answer %s failed", self.interaction_id)
            return self._ended(Status.FAILED, code="internal", message="Something went wrong on our side. Try again.")

    async def _in_turn(self, given: RunInput) -> RunInput:
        """Wait for the answer that this question follows, then read the conversation again with it."""
        if not given.parent_unfinished or given.interaction.parent_id is None:
            return given
        self.feed.set_status(self.feed.status, waiting_for="turn")
        await self._until_finished(given.interaction.parent_id)
        return await in_thread_patiently(history.load_run, self.interaction_id) or given

    def _ended(self, status: Status, *, end: End | None = None, code: str = "", message: str = "") -> Ended:
        measured = self.feed.measured
        return Ended(
            id=self.interaction_id,
            status=status,
            final_response_text=self.feed.text,
            error_code=code,
            error_message=message,
            finish_reason=end.finish_reason if end else "",
            model_id=measured.model_id,
            seed=measured.seed,
            prompt_tokens=measured.prompt_tokens,
            generated_tokens=measured.generated_tokens,
            first_token_ms=measured.first_token_ms,
            duration_ms=measured.duration_ms,
            dropped_turns=measured.dropped_turns,
        )

    async def _save(self, interaction: Interaction, ended: Ended) -> None:
        self._saving = True
        finished = await self._writer.finish(ended)
        if finished is None:
            return  # the lease was lost, or the session deleted, before the end could be saved
        for name in Ended.__slots__:
            setattr(interaction, name, getattr(ended, name))
        interaction.finished = finished
        self.feed.finish(interaction)
