"""What stands around an answer that is not stored: the limits of its user, and what it came to."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from chat.database import in_batch_thread
from chat.process import ChatProcess
from limits import quota
from limits.allowances import spend_answer


@asynccontextmanager
async def running(process: ChatProcess, owner_id: int) -> AsyncGenerator[None]:
    """Around one answer for this user, from before the model is asked until the answer has ended or was left.

    Raises:
        TooManyRunning: there are as many already as one may have, stored ones with them.
        Throttled, QuotaExceeded: see `limits.refusals`.
    """
    spend_answer(user_id=owner_id)
    if quota.tokens_per_day():
        await in_batch_thread(quota.check, owner_id)
    async with process.unstored.running(owner_id):
        yield


def finished(*, owner_id: int, prompt_tokens: int, generated_tokens: int) -> None:
    """An answer has ended, also by its client leaving or by an error. Called once for each, on the event loop; must not
    wait.

    Args:
        prompt_tokens: by the server's count; 0 where the answer broke off before it was known.
        generated_tokens: as many as came.
    """
    quota.ledger.note(owner_id=owner_id, prompt_tokens=prompt_tokens, generated_tokens=generated_tokens)
