"""Getting one answer out of the inference server: what to send, when to try again, what was measured.

Before the first token a failed request is simply repeated; after it, the answer is continued from the text there is.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from chat import leases
from chat.context import Conversation, Fitted, fit
from chat.database import in_thread_patiently
from chat.feed import Feed
from chat.history import RunInput
from chat.models import Interaction, Status
from chat.parameters import DEFAULTS
from inference.client import InferenceClient
from inference.errors import InferenceError, Overloaded
from inference.protocol import ChatRequest
from inference.stream import End

FIRST_BACKOFF_S = 0.25
LONGEST_BACKOFF_S = 3.0
MOST_INTERRUPTIONS = 3


class Answering:
    """Streams one answer into a feed, with bounded, jittered retries."""

    def __init__(self, feed: Feed, *, client: InferenceClient, retry_for_s: float) -> None:
        self._feed = feed
        self._measured = feed.measured
        self._client = client
        self._retry_for_s = retry_for_s

    async def answer(self, given: RunInput) -> End:
        """Stream until the model ends its answer.

        Raises:
            InferenceError: and trying again did not help, or could not.
            QueryTooLong: the question alone does not fit the model's window.
        """
        give_up_at = time.monotonic() + self._retry_for_s
        backoff = FIRST_BACKOFF_S
        interruptions = 0
        while True:
            had = len(self._feed.text)
            try:
                return await self._stream_once(given)
            except InferenceError as error:
                if len(self._feed.text) > had:
                    interruptions += 1
                    give_up_at = time.monotonic() + self._retry_for_s
                    backoff = FIRST_BACKOFF_S
                if not error.retryable or interruptions >= MOST_INTERRUPTIONS or time.monotonic() > give_up_at:
                    raise
                await self._tell(error)
            await asyncio.sleep(backoff * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
            backoff = min(backoff * 2, LONGEST_BACKOFF_S)

    async def _tell(self, error: InferenceError) -> None:
        """Let followers know what is being waited for; in front of a full model, how many are before them."""
        if self._feed.text:
            self._feed.set_status(Status.GENERATING, waiting_for=error.code)
            return
        place = None
        if isinstance(error, Overloaded):
            place = await in_thread_patiently(leases.place_in_line, self._feed.interaction_id)
        self._feed.set_status(Status.QUEUED, waiting_for=error.code, place=place)

    async def _stream_once(self, given: RunInput) -> End:
        options = chosen_parameters(given)
        fitted = await self._fit(given, options["max_tokens"])
        before = self._measured.generated_tokens
        session = given.interaction.session_id
        end = await self._client.stream_chat(_request(fitted, options), self._take_piece, session=session)
        self._take_end(end, before)
        return end

    async def _fit(self, given: RunInput, max_tokens: int) -> Fitted:
        info = await self._client.info()
        conversation = Conversation(
            given.session.system_prompt, given.turns, given.interaction.query_text, self._feed.text
        )
        left = max(1, max_tokens - self._measured.generated_tokens)
        fitted = await fit(conversation, info=info, max_tokens=left, count=self._client.count_tokens)
        self._measured.model_id = info.model_id
        self._measured.seed = chosen_parameters(given)["seed"]
        self._measured.dropped_turns = fitted.dropped_turns
        return fitted

    def _take_piece(self, text: str) -> None:
        if self._measured.first_token_ms is None:
            self._measured.first_token_ms = self._measured.duration_ms
        self._measured.generated_tokens += 1
        # Postgres text has no NUL; a model may write one all the same.
        self._feed.append(text.replace("\x00", "\ufffd"))

    def _take_end(self, end: End, before: int) -> None:
        """The server's own counts, where it gives them: a piece may be several tokens."""
        if end.generated_tokens is not None:
            self._measured.generated_tokens = before + end.generated_tokens
        self._measured.prompt_tokens = end.prompt_tokens


def chosen_parameters(given: RunInput) -> dict[str, Any]:
    """The interaction's own parameters over the session's over the defaults; a seed always, so that every answer
    can be had again."""
    return {
        "seed": _own_seed(given.interaction),
        **DEFAULTS,
        **given.session.parameters,
        **given.interaction.parameters,
    }


def _own_seed(interaction: Interaction) -> int:
    # The last bits of a version 7 UUID are random, and the same at every attempt.
    return interaction.pk.int & 0xFFFFFFFF


def _request(fitted: Fitted, options: dict[str, Any]) -> ChatRequest:
    top_p = options.get("top_p")
    return ChatRequest(
        fitted.messages,
        max_tokens=fitted.max_tokens,
        temperature=options.get("temperature"),
        # TGI refuses 1.0, which means the same as leaving it out.
        top_p=None if top_p is None or top_p >= 1 else top_p,
        frequency_penalty=options.get("frequency_penalty"),
        stop=options.get("stop"),
        seed=options["seed"],
    )
