"""Answers as server-sent events for the browser: finished blocks of HTML, the live tail, the finished message.

The finished message has the whole answer. It is what was sent, except where a link or a note is defined further down
than it is used: only then does the page change what it shows.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import lru_cache, partial
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from chat import presentation, tickets
from chat.access import check_interaction
from chat.database import in_thread
from chat.follow import Update, follow
from chat.markdown import AnswerStream, Block, joined
from chat.models import Interaction
from chat.process import ChatProcess, current
from chat.requests import look_who_asks
from chat.sse import EventStream, comment, event, last_event_id, retry


@require_GET
async def stream(request: HttpRequest, interaction_id: UUID) -> HttpResponseBase:
    """Follow one answer: `block` and `tail` events, last `done`. `id:` is where the last block ends, in characters
    of the answer; a client that comes back with it (or with `?from=`) is sent what follows."""
    process = current()
    if process is None or process.draining.is_set():
        return HttpResponse("Come back in a moment.", status=503, content_type="text/plain")
    if not tickets.is_good(request.GET.get("ticket", ""), interaction_id, request.session.session_key):
        user = await look_who_asks(request)
        if not user.is_authenticated:
            return HttpResponse("Log in first.", status=401, content_type="text/plain")
        await in_thread(check_interaction, user, interaction_id)
    start = last_event_id(request)
    if start is None:
        start = _offset(request.GET.get("from", ""))
    # The token is made when it is needed: made now, it would be set as a cookie again with every stream.
    return EventStream(_events(process, partial(get_token, request), interaction_id, start))


def _offset(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


async def _events(
    process: ChatProcess, csrf_token: Callable[[], str], interaction_id: UUID, start: int
) -> AsyncGenerator[bytes]:
    opening = retry()
    answer = AnswerEvents(interaction_id, csrf_token=csrf_token, start=start)
    async with aclosing(follow(process, interaction_id)) as updates:
        async for update in updates:  # the first comes at once
            # What is sent together is one write.
            yield opening + b"".join(answer.of(update))
            opening = b""


# A tail is rendered and sent anew with every update, so a long one (code, a table, a list) must wait its turn: with so
# many characters of it a second, an answer's cost is linear in the time that it takes.
TAIL_CHARACTERS_PER_S = 40_000


class AnswerEvents:
    """Updates of one answer as events. The tail is sent only where it has changed."""

    def __init__(self, interaction_id: UUID, *, csrf_token: Callable[[], str], start: int) -> None:
        self._blocks = AnswerStream(prefix=presentation.id_prefix(interaction_id), start=start)
        self._csrf_token = csrf_token
        self._tail: str | None = None
        self._tail_due = 0.0
        # What is sent, for the finished message: rendered once. After a cut it begins in the middle.
        self._sent: list[Block] | None = [] if start == 0 else None

    def of(self, update: Update) -> list[bytes]:
        """The events of one update, or a comment that keeps the connection open."""
        blocks = self._blocks.feed(update.text)
        if update.finished is not None:
            blocks += self._blocks.finish()
        events = [event("block", block.html, id_=block.end) for block in blocks if block.html]
        if self._sent is not None:
            self._sent += blocks
        if update.finished is not None:
            return [*events, event("done", self._message(update.finished))]
        if blocks or time.monotonic() >= self._tail_due:
            events += self._tail_events(update)
        return events or [comment()]

    def _tail_events(self, update: Update) -> list[bytes]:
        length = self._blocks.length - self._blocks.end
        self._tail_due = time.monotonic() + length / TAIL_CHARACTERS_PER_S
        tail = self._blocks.tail_html() or self._waiting(update)
        if tail == self._tail:
            return []
        self._tail = tail
        return [event("tail", tail)]

    def _waiting(self, update: Update) -> str:
        return waiting_html(get_language(), update.waiting_for, update.place, self._blocks.length > 0)

    def _message(self, interaction: Interaction) -> str:
        # Without the request: its context processors would look up the user, and this is the event loop.
        body = None if self._sent is None else joined(self._sent, self._blocks.revised())
        context = {"turn": presentation.finished_turn(interaction, body=body), "csrf_token": self._csrf_token()}
        return render_to_string("_fragments/answer.html", context)


@lru_cache(maxsize=1000)
def waiting_html(language: str | None, waiting_for: str, place: int | None, begun: bool) -> str:
    """What stands for the tail while there is none: in the active `language`, and the same for everybody."""
    context = {"waiting_for": waiting_for, "place": place, "begun": begun}
    return render_to_string("_fragments/waiting.html", context)
