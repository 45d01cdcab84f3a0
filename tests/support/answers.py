"""Asking and reading answers in tests of the chat domain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.models import User
from chat import conversation
from chat.database import in_thread
from chat.follow import follow
from chat.models import ChatSession, DatabaseClock, Interaction, ResponseChunk, Status
from chat.process import ChatProcess
from inference.client import InferenceClient
from inference.stream import Timeouts


async def ask(owner: User, query: str = "Hi", **more: Any) -> Interaction:
    """Ask as a view does; the current process answers."""
    if session := more.pop("session", None):
        more["session_id"] = session.pk
    return await in_thread(conversation.ask, owner_id=owner.pk, query=query, **more)


async def finished(process: ChatProcess, interaction: Interaction) -> Interaction:
    """Follow the answer in `process` to its end."""
    async with aclosing(follow(process, interaction.pk)) as updates:
        async for update in updates:
            if update.finished is not None:
                return update.finished
    raise AssertionError("the answer has not ended")


async def saved(interaction: Interaction) -> Interaction:
    """The interaction as the database has it."""
    return await in_thread(Interaction.objects.get, pk=interaction.pk)


async def log_of(interaction: Interaction) -> list[tuple[int, str]]:
    """The chunk log: offsets and texts, in order."""
    return await in_thread(read_log_of, interaction.pk)


def read_log_of(interaction_id: UUID) -> list[tuple[int, str]]:
    chunks = ResponseChunk.objects.filter(interaction=interaction_id).order_by("offset")
    return list(chunks.values_list("offset", "text"))


def make_interaction(owner: User, query: str = "Hi", **fields: Any) -> Interaction:
    """An interaction in a session of its own, unless one is given."""
    session = fields.pop("session", None) or ChatSession.objects.create(owner=owner, title="A chat")
    return Interaction.objects.create(session=session, query_text=query, **fields)


def make_answered(owner: User, query: str, *, after: Interaction | None = None, **fields: Any) -> Interaction:
    """A finished interaction, the first of a session or the one after another; `session` makes one more first."""
    session = fields.pop("session", None) or (after.session if after else None)
    fields = {"status": Status.COMPLETE, "final_response_text": f"answer to {query}", **fields}
    return make_interaction(owner, query, session=session, parent=after, **fields)


def make_chain(owner: User, count: int) -> list[Interaction]:
    """A chat of so many turns, "question 0." to "answer …"."""
    session = ChatSession.objects.create(owner=owner, title="Long")
    made = [
        Interaction(
            session=session,
            query_text=f"question {number}.",
            status=Status.COMPLETE,
            final_response_text=f"answer {number}.",
            created=timezone.now() - timedelta(seconds=count - number),
        )
        for number in range(count)
    ]
    for parent, child in pairwise(made):
        child.parent = parent
    return Interaction.objects.bulk_create(made)


def make_running(owner: User, lease_owner: str, *, text: str = "", **fields: Any) -> Interaction:
    """An interaction that `lease_owner` holds for a minute, with `text` in its log."""
    lease_end = DatabaseClock() + timedelta(seconds=60)  # at once: a look-out takes what nobody holds
    made = make_interaction(
        owner,
        status=Status.GENERATING,
        lease_owner=lease_owner,
        lease_expires_at=lease_end,
        attempts=1,
        **fields,
    )
    if text:
        ResponseChunk.objects.create(interaction=made, offset=0, text=text)
    return made


def move_lease(interaction: Interaction, seconds: int) -> None:
    """Let the lease end so many seconds from now, by the database's clock; negative: it has ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE chat_interaction SET lease_expires_at = clock_timestamp() + make_interval(secs => %s) "
            "WHERE id = %s",
            [seconds, interaction.pk],
        )


@asynccontextmanager
async def another_process(url: str, *, retry_for_s: float = 1) -> AsyncIterator[ChatProcess]:
    """A second web process on the same database: its own owner, leases, writer and log reader."""
    client = InferenceClient(url, timeouts=Timeouts(connect=1, first_token=2, token=2))
    running = ChatProcess(client, retry_for_s=retry_for_s)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()
