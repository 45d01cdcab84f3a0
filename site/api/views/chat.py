"""Asking over REST: whole answers and streams, without a thread or a database connection while waiting."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import UUID

import msgspec
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.utils.encoders import JSONEncoder

from api.asynchronous import Asker, api_view, asker, authenticate, read_json
from api.errors import problem
from api.idempotency import idempotency_key
from api.schema import IDEMPOTENCY_KEY, LAST_EVENT_ID, Stream, described, errors, extend_schema
from api.schema.samples import STREAM
from api.schema.streams import DeltaEvent, StatusEvent
from api.serializers.interactions import AnswerOutput, ChatInput, InteractionOutput, chat_output
from chat import conversation
from chat.accepting import NoSuchAsker
from chat.access import get_interaction
from chat.database import in_thread
from chat.follow import Update, follow
from chat.length import check_length, is_long
from chat.models import Interaction, Status
from chat.process import ChatProcess, current
from chat.sse import EventStream, comment, event, last_event_id, retry

NO_SUCH_ASKER = "This account was deleted or deactivated, or this token was revoked: log in again at POST /api/token/."

ANSWER_STREAM = Stream(
    events={"status": StatusEvent, "delta": DeltaEvent, "done": InteractionOutput},
    example=STREAM,
    description="`status` when it changes, `delta` for each piece of the text, and `done` with the interaction, last.",
)

# Made once: a serializer copies all its fields when it is made, which costs more than checking a question.
_chat_input = ChatInput()


class NotNow(APIException):
    status_code = 503
    default_code = "restarting"
    retry_after_s = 1
    default_detail = "The server is restarting. Send the request again in a moment."


@described(
    post=extend_schema(
        operation_id="chat",
        summary="Ask",
        request=ChatInput,
        parameters=[IDEMPOTENCY_KEY],
        responses={
            200: AnswerOutput,
            (200, "text/event-stream"): ANSWER_STREAM,
            **errors(*("not_found", "nothing_to_follow", "too_long", "too_many_running", "restarting", "interrupted")),
        },
    )
)
@api_view("POST")
async def process_chat_message(request: HttpRequest) -> HttpResponseBase:
    """Ask in a session of yours, after its newest question or after `parent_id`; or in a new one. The answer comes when
    it is whole; with `stream: true`, as it is written. Either way it is kept, and goes on if the connection breaks:
    read it, or follow it, by its id."""
    who = await asker(request)
    process = running_process()
    interaction, stream = await _ask(request, who)
    if stream:
        return EventStream(_events(process, interaction.pk, 0, opening=interaction))
    finished = await _finished(process, interaction.pk)
    if finished is None:
        return problem(503, "interrupted", f"The answer goes on. Read it at /api/interactions/{interaction.pk}/.")
    return JsonResponse(chat_output(finished))


@described(
    get=extend_schema(
        operation_id="interactions_stream",
        summary="Follow an answer",
        parameters=[LAST_EVENT_ID],
        responses={(200, "text/event-stream"): ANSWER_STREAM, **errors("restarting")},
    )
)
@api_view("GET")
async def stream_interaction(request: HttpRequest, interaction_id: UUID) -> HttpResponseBase:
    """The answer from its start, or from `Last-Event-ID` on, and then as it is written: nothing is missed, and nothing
    comes twice. A line without an event comes at least every 15 seconds."""
    await in_thread(_look_up, request, interaction_id)
    return EventStream(_events(running_process(), interaction_id, last_event_id(request) or 0))


def running_process() -> ChatProcess:
    """The answers of this process. Raises NotNow where it has none, or none any more."""
    process = current()
    if process is None or process.draining.is_set():
        raise NotNow
    return process


def _look_up(request: HttpRequest, interaction_id: UUID) -> Interaction:
    return get_interaction(authenticate(request), interaction_id)


async def _ask(request: HttpRequest, who: Asker) -> tuple[Interaction, bool]:
    given: dict[str, Any] = _chat_input.run_validation(read_json(request))
    query, session_id, parent_id = given["message"], given.get("session_id"), given.get("parent_id")
    parameters = given.get("parameters")
    if parent_id and session_id is None:
        session_id = (await in_thread(_look_up, request, parent_id)).session_id
    if is_long(query):
        await sync_to_async(_check_length)(request, query, session_id, parameters)
    try:
        interaction = await conversation.ask_from_loop(
            owner_id=who.id,
            generation=who.generation,
            session_id=session_id,
            after=parent_id,
            query=query,
            parameters=parameters,
            idempotency_key=idempotency_key(request),
        )
    except NoSuchAsker:
        raise AuthenticationFailed(NO_SUCH_ASKER, "user_not_found") from None
    return interaction, given["stream"]


def _check_length(request: HttpRequest, query: str, session_id: UUID | None, parameters: dict[str, Any] | None) -> None:
    """Raises QueryTooLong, and what `authenticate` does: the numbers tell something of the session."""
    owner = authenticate(request)
    check_length(owner_id=owner.pk, query=query, session_id=session_id, parameters=parameters)


async def _finished(process: ChatProcess, interaction_id: UUID) -> Interaction | None:
    async with aclosing(follow(process, interaction_id)) as updates:
        async for update in updates:
            if update.finished is not None:
                return update.finished
    return None


async def _events(
    process: ChatProcess, interaction_id: UUID, offset: int, *, opening: Interaction | None = None
) -> AsyncGenerator[bytes]:
    """`status` when it changes, `delta` for text, `done` last. `id:` is the offset after the text."""
    told, begun = "", retry()
    if opening is not None:
        told = opening.status
        begun += event("status", _json(_status(interaction_id, told) | {"session_id": str(opening.session_id)}))
    async with aclosing(follow(process, interaction_id, offset=offset)) as updates:
        async for update in updates:  # the first comes at once
            events = []
            if update.finished is None and (state := _state(update)) != told:
                told = state
                events.append(event("status", _json(_status(interaction_id, update.status) | _waiting(update))))
            # What is sent together is one write.
            yield begun + b"".join(events + _news(update))
            begun = b""


def _news(update: Update) -> list[bytes]:
    """The text of an update, its end; a comment that keeps the connection open where it has neither."""
    events = []
    if update.text:
        delta = msgspec.json.encode({"text": update.text, "offset": update.offset}).decode()
        events.append(event("delta", delta, id_=update.offset + len(update.text)))
    if update.finished is not None:
        events.append(event("done", _json(InteractionOutput(update.finished).data)))
    return events or [comment()]


def _state(update: Update) -> str:
    if not update.waiting_for:
        return update.status
    return " ".join([update.status, *map(str, _waiting(update).values())])


def _status(interaction_id: UUID, status: str) -> dict[str, Any]:
    return {"status": Status(status).value, "interaction_id": str(interaction_id)}


def _waiting(update: Update) -> dict[str, Any]:
    """What the answer waits for and, in a line, how many are before it; nothing while it goes on."""
    waiting = {"waiting_for": update.waiting_for, "place": update.place if update.waiting_for else None}
    return {name: value for name, value in waiting.items() if value not in {"", None}}


def _json(value: Any) -> str:
    return json.dumps(value, cls=JSONEncoder, ensure_ascii=False)
