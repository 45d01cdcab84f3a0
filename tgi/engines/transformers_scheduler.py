"""One thread that runs the model: every turn a piece of the prompts that arrive, and a step of all that run.

Lines wait in a queue, first come first served, until they fit; they arrive together as far as their prompts fit into
one piece, join the running batch with their first token, and leave it with their last. Whoever is cancelled leaves
at the next turn. What fails takes only its own batch with it.
"""

import logging
import math
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from tgi.engines.transformers_batch import Batch, Line, Report
from tgi.engines.transformers_model import Loaded
from tgi.errors import GenerationError

log = logging.getLogger("tgi")

# Prompt tokens per turn, for which all running lines wait: a fraction of a second.
PIECE_TOKENS = {"cuda": 2048, "mps": 512, "cpu": 64}
# A prompt's own probabilities need all of a piece's logits at once.
PIECE_OF_PROBABILITIES = 128
# How other devices than CUDA say it.
NO_MEMORY = re.compile(r"out of memory|can't allocate memory")
SHUTTING_DOWN = "the server is shutting down"
BROKEN = "the device failed and the server must be restarted"


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many lines run at once, and how many tokens their cache has places for: lines times the longest."""

    lines: int
    tokens: int

    def fits(self, lines: Sequence[Line]) -> bool:
        """Whether these may run together; one alone always may."""
        longest = max(line.most_tokens for line in lines)
        return len(lines) == 1 or (len(lines) <= self.lines and len(lines) * longest <= self.tokens)


class Scheduler:
    """Owns the model. ``submit`` and ``close`` are for other threads; ``deliver`` is called in its own."""

    def __init__(
        self, loaded: Loaded, capacity: Capacity, deliver: Callable[[list[tuple[Line, Report]]], None]
    ) -> None:
        self._loaded = loaded
        self._capacity = capacity
        self._deliver = deliver
        # All that a turn has to say, for one call.
        self._reports: list[tuple[Line, Report]] = []
        self._piece = PIECE_TOKENS[loaded.device.type]
        self._waiting: deque[Line] = deque()
        self._arriving = Batch(loaded)
        self._running = Batch(loaded)
        self._changed = threading.Condition()
        self._closed = False
        self.broken = False
        self._thread = threading.Thread(target=self._run, name="transformers", daemon=True)
        self._thread.start()

    @property
    def running(self) -> int:
        """Lines that have a place, those whose prompt is still read included."""
        return len(self._arriving.lines) + len(self._running.lines)

    def submit(self, line: Line) -> None:
        """Queue it. Raises ``GenerationError`` when nothing runs any more."""
        with self._changed:
            if self._closed or self.broken:
                raise GenerationError(SHUTTING_DOWN if self._closed else BROKEN)
            self._waiting.append(line)
            self._changed.notify()

    def close(self) -> None:
        """End every line with ``GenerationError``; wait for the step that runs."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        reason = SHUTTING_DOWN
        try:
            with torch.inference_mode():
                while not self.broken and self._wait():
                    self._turn()
                    self._flush()
        except Exception:
            log.exception("The engine failed")
            self.broken = True
        if self.broken:
            reason = BROKEN
        self._fail([*self._waiting, *self._arriving.lines, *self._running.lines], GenerationError(reason))
        self._waiting.clear()
        self._arriving = self._running = Batch(self._loaded)
        self._flush()

    def _flush(self) -> None:
        reports, self._reports = self._reports, []
        if reports:
            self._deliver(reports)

    def _wait(self) -> bool:
        """Until there is something to do; False when there will not be any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting or self.running)
            return not self._closed

    def _turn(self) -> None:
        self._drop_cancelled()
        if not self._arriving.lines:
            self._admit()
        if self._arriving.lines:
            try:
                self._read_prompts()
            except Exception as error:
                self._arriving = self._failed(self._arriving, error)
        if self._running.lines:
            try:
                self._step(self._running)
            except Exception as error:
                self._running = self._failed(self._running, error)

    def _drop_cancelled(self) -> None:
        with self._changed:
            self._waiting = deque(line for line in self._waiting if not line.cancelled)
        for batch in (self._arriving, self._running):
            batch.remove([line for line in batch.lines if line.cancelled])

    def _admit(self) -> None:
        """Let the first in the queue arrive, and those after it whose prompts fit into the same piece."""
        arriving: list[Line] = []
        with self._changed:
            while self._waiting and self._capacity.fits([*self._running.lines, *arriving, self._waiting[0]]):
                if arriving and not self._fit_one_piece([*arriving, self._waiting[0]]):
                    break
                arriving.append(self._waiting.popleft())
        for line in arriving:
            line.job.started = time.monotonic()
        self._arriving = Batch(self._loaded, arriving)

    def _fit_one_piece(self, lines: Sequence[Line]) -> bool:
        longest = max(len(line.tokens) for line in lines)
        return len(lines) * longest <= self._piece and not any(line.only_prompt for line in lines)

    def _read_prompts(self) -> None:
        batch = self._arriving
        if batch.lines[0].only_prompt:
            self._read_probabilities(batch)
            return
        columns = min(batch.missing, max(1, self._piece // len(batch.lines)))
        logits = batch.forward(columns)
        if batch.missing:
            return
        self._take(batch, logits)
        if self._running.lines and batch.lines:
            self._running.append(batch)
        elif batch.lines:
            self._running = batch
        self._arriving = Batch(self._loaded)

    def _read_probabilities(self, batch: Batch) -> None:
        """A piece of a prompt that is alone in its batch; its probabilities are reported with the last one."""
        line = batch.lines[0]
        columns = min(batch.missing, PIECE_OF_PROBABILITIES)
        done = len(line.tokens) - batch.missing
        logits = batch.forward(columns, all_logits=True)[0].float()
        following = torch.tensor(line.tokens[done + 1 : done + columns + 1], device=logits.device)
        chosen = logits[: len(following)].gather(-1, following[:, None])[:, 0]
        line.prompt_logprobs += (chosen - logits[: len(following)].logsumexp(-1)).tolist()
        if not batch.missing:
            self._reports.append((line, line.prompt_logprobs))
            batch.remove([line])

    def _step(self, batch: Batch) -> None:
        """One more token for every line."""
        self._take(batch, batch.forward(1))

    def _take(self, batch: Batch, logits: torch.Tensor) -> None:
        """Choose, report, and let go of the lines that are at their end."""
        leaving = []
        for line, choice in zip(batch.lines, batch.choose(logits), strict=True):
            try:
                if not math.isfinite(choice.logprob):
                    raise GenerationError("the model's numbers are not finite")
                ended = line.take(choice, self._loaded.ends)
                self._reports.append((line, choice))
            except GenerationError as error:
                self._reports.append((line, error))
                ended = True
            if ended:
                leaving.append(line)
        batch.remove(leaving)
        self._reports += [(line, None) for line in leaving]

    def _failed(self, batch: Batch, error: Exception) -> Batch:
        """Tell the lines why; a new batch, without what the failed one held of the device's memory."""
        if isinstance(error, torch.OutOfMemoryError) or NO_MEMORY.search(str(error)):
            reason = GenerationError(f"the {self._loaded.device.type} device has not enough memory")
        else:
            log.error("The engine failed", exc_info=error)
            reason = GenerationError(f"{type(error).__name__}: {error}")
        self._fail(batch.lines, reason)
        self._check_device()
        return Batch(self._loaded)

    def _fail(self, lines: Sequence[Line], error: Exception) -> None:
        self._reports += [(line, error) for line in lines]

    def _check_device(self) -> None:
        """Some errors leave a GPU unusable until the process ends; nothing is taken from then on."""
        try:
            torch.zeros(1, device=self._loaded.device).item()
            if self._loaded.device.type == "cuda":
                torch.cuda.empty_cache()
        except RuntimeError:
            log.exception("The device no longer works")
            self.broken = True
