"""What one user may have running without storing it, and what it came to. Answers that are stored are counted in the
database, see `chat.admission`; these here in the memory of this process, since there is no row of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from chat.admission import TooManyRunning, limit
from chat.database import in_batch_thread
from limits import quota
from limits.allowances import spend_answer

_running: Counter[int] = Counter()


@asynccontextmanager
async def running(owner_id: int) -> AsyncGenerator[None]:
    """Around one answer for this user, from before the model is asked until the answer has ended or was left.

    Raises:
        TooManyRunning: there are as many already as one may have.
        Throttled, QuotaExceeded: see `limits.refusals`.
    """
    spend_answer(user_id=owner_id)
    if quota.tokens_per_day():
        await in_batch_thread(quota.check, owner_id)
    if _running[owner_id] >= limit():
        raise TooManyRunning(limit())
    _running[owner_id] += 1
    try:
        yield
    finally:
        _running[owner_id] -= 1
        if not _running[owner_id]:
            del _running[owner_id]


def finished(*, owner_id: int, prompt_tokens: int, generated_tokens: int) -> None:
    """An answer has ended, also by its client leaving or by an error. Called once for each, on the event loop; must not
    wait.

    Args:
        prompt_tokens: by the server's count; 0 where the answer broke off before it was known.
        generated_tokens: as many as came.
    """
    quota.ledger.note(owner_id=owner_id, prompt_tokens=prompt_tokens, generated_tokens=generated_tokens)
