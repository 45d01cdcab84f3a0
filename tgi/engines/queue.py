"""Who runs next: a first-in first-out queue for an engine with so many slots and so many token cells."""

import asyncio
from collections import deque


class BatchQueue:
    """Admits jobs in order while a slot and enough tokens are free.

    A job reserves its prompt and all it may generate, so the cache cannot overflow half-way through an
    answer. As in TGI, a large job at the head holds back smaller ones behind it: nobody starves.
    Every successful ``enter`` needs one ``leave`` with the same number.
    """

    def __init__(self, *, slots: int, tokens: int) -> None:
        self._slots = slots
        self._tokens = tokens
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, tokens: int) -> None:
        """Wait for a place. Cancelling gives the turn to the next one."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((tokens, turn))
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # Admitted and cancelled in the same turn of the loop: the place goes back.
                self.leave(tokens)
            self._admit()
            raise

    def leave(self, tokens: int) -> None:
        """Give the place back."""
        self._slots += 1
        self._tokens += tokens
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            tokens, turn = self._waiting[0]
            if turn.done():
                self._waiting.popleft()
            elif self._slots and tokens <= self._tokens:
                self._waiting.popleft()
                self._slots -= 1
                self._tokens -= tokens
                turn.set_result(None)
            else:
                return
