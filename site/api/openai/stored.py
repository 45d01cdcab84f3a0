"""Chat completions that are kept: each is an interaction of a session, with all that this means: a client that leaves
loses nothing, the answer is in the pages, and the session's own history is what the model sees."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from rest_framework.exceptions import AuthenticationFailed

from accounts.models import User
from api.codes import CODES
from api.errors import INFERENCE_RETRY_AFTER_S
from api.idempotency import idempotency_key
from api.openai.chunks import JSON, ChatChunks, Usage, whole_chat
from api.openai.errors import NotServed, Refused, error_body
from api.openai.relay import DONE, KEEP_ALIVE, framed
from api.openai.requests import ChatCompletionInput, Message
from api.views.chat import NO_SUCH_ASKER
from chat import conversation
from chat.accepting import NoSuchAsker
from chat.database import in_thread
from chat.follow import Update, follow
from chat.models import QUERY_MAX_LENGTH, Interaction, Status
from chat.parameters import ParameterError
from chat.process import ChatProcess
from chat.sse import EventStream

HEADER = "X-Parley-Session"
INTERACTION_HEADER = "X-Parley-Interaction"
FIELD = "metadata.session_id"
NEW = "new"
NOT_STORED = ("tools", "tool_choice", "tool_prompt", "logprobs", "top_logprobs")
# Why an answer failed, in the words of this door where it has others.
FAILURES = {"too_long": "context_length_exceeded", "interrupted": "broken_off", "internal": "server_error"}
SEEDS = 2**63  # as many as Postgres keeps


@dataclass(frozen=True, slots=True)
class Place:
    """Where an exchange is stored.

    Attributes:
        session_id: None for a new session.
        param: what in the request has said so.
    """

    session_id: UUID | None
    param: str


def place(request: HttpRequest, given: ChatCompletionInput) -> Place | None:
    """Where the exchange is to be stored: as the header or the metadata say. None for nowhere.

    Raises:
        Refused: that is no session's id, or they do not say the same.
    """
    wishes = {HEADER: request.headers.get(HEADER), FIELD: (given.metadata or {}).get("session_id")}
    places = [Place(_session_id(wish, param), param) for param, wish in wishes.items() if wish is not None]
    if len(places) == 2 and places[0].session_id != places[1].session_id:
        raise Refused(f"`{HEADER}` and `{FIELD}` name two sessions. Send one of them.", param=FIELD)
    return places[0] if places else None


def _session_id(wish: str, param: str) -> UUID | None:
    if wish == NEW:
        return None
    try:
        return UUID(wish)
    except ValueError:
        raise Refused(f"`{param}` must be the id of a session of yours, or `{NEW}`.", param=param) from None


async def answer(
    request: HttpRequest, given: ChatCompletionInput, *, process: ChatProcess, who: User, place: Place, served: str
) -> HttpResponseBase:
    """Store the question, and respond with its answer.

    Args:
        served: the model's name, until the answer says it.

    Raises:
        Refused: it cannot be stored as it is.
        NotServed: the session is not there, or somebody else's.
        TooManyRunning
    """
    interaction = await _ask(request, who, given, place)
    metadata = {"session_id": str(interaction.session_id), "interaction_id": str(interaction.pk)}
    head = {
        "id": f"chatcmpl-{interaction.pk}",
        "created": int(interaction.created.timestamp()),
        "model": served,
        "metadata": metadata,
    }
    chunks = ChatChunks(head, stops=given.stop or (), include_usage=given.include_usage)
    response: HttpResponseBase
    if given.stream:
        response = EventStream(_stream(process, interaction.pk, chunks))
    else:
        response = await _whole(process, interaction.pk, head, chunks)
    response[HEADER] = metadata["session_id"]
    response[INTERACTION_HEADER] = metadata["interaction_id"]
    return response


async def _ask(request: HttpRequest, who: User, given: ChatCompletionInput, place: Place) -> Interaction:
    query, system_prompt = _query(given, place)
    key = idempotency_key(request)
    parameters = _parameters(given)
    if system_prompt is not None and place.session_id is not None:
        await in_thread(
            conversation.instruct, owner_id=who.pk, session_id=place.session_id, system_prompt=system_prompt
        )
    try:
        return await conversation.ask_from_loop(
            owner_id=who.pk,
            session_id=place.session_id,
            query=query,
            parameters=parameters,
            idempotency_key=key,
            system_prompt=system_prompt,
        )
    except NoSuchAsker:
        raise AuthenticationFailed(NO_SUCH_ASKER, "user_not_found") from None
    except Http404:
        advice = f"You have no such session. Send `{NEW}` to begin one."
        raise NotServed(advice, param=place.param, code="session_not_found") from None
    except ParameterError as error:
        raise Refused(f"{error}.", param=str(error).partition(":")[0]) from None


def _query(given: ChatCompletionInput, place: Place) -> tuple[str, str | None]:
    """The question, and the system prompt if there is one.

    Raises:
        Refused: the request has, or asks for, what is not stored.
    """
    _check_storable(given)
    *earlier, last = given.messages
    query = last.content or ""
    at = f"messages[{len(earlier)}]"
    if last.role != "user" or not query.strip():
        raise Refused("The last message must be one of the user, with text: it is what is stored.", param=at)
    if len(query) > QUERY_MAX_LENGTH:
        raise Refused(f"A stored message has at most {QUERY_MAX_LENGTH} characters.", param=f"{at}.content")
    system_prompt = _system_prompt(earlier)
    if place.session_id is None and any(not _is_system(message) for message in earlier):
        raise Refused("A new session begins with one message of the user, and a system message at most.", param=at)
    return query, system_prompt


def _is_system(message: Message) -> bool:
    return message.role in {"system", "developer"}


def _system_prompt(messages: Iterable[Message]) -> str | None:
    """None where no message says anything, and the session's own stays."""
    texts = [message.content or "" for message in messages if _is_system(message)]
    text = "\n\n".join(texts)
    if len(text) > QUERY_MAX_LENGTH:
        raise Refused(f"A system message has at most {QUERY_MAX_LENGTH} characters.", param="messages")
    return text if texts else None


def _check_storable(given: ChatCompletionInput) -> None:
    asked = [name for name in NOT_STORED if getattr(given, name)]
    if given.response_format and given.response_format.type != "text":
        asked.append("response_format")
    if asked:
        says = f"`{asked[0]}` cannot be stored. Leave it out, or send the request without a session."
        raise Refused(says, param=asked[0], code="unsupported_parameter")


def _parameters(given: ChatCompletionInput) -> dict[str, Any]:
    chosen = {
        "max_tokens": given.most_tokens,
        "temperature": given.temperature,
        "top_p": given.top_p,
        "frequency_penalty": given.frequency_penalty,
        "stop": given.stop,
        "seed": None if given.seed is None else given.seed % SEEDS,
    }
    return {name: value for name, value in chosen.items() if value is not None}


async def _whole(process: ChatProcess, interaction_id: UUID, head: JSON, chunks: ChatChunks) -> HttpResponseBase:
    made: list[JSON] = []
    async with aclosing(follow(process, interaction_id)) as updates:
        async for update in updates:
            made += _chunks(chunks, update)
            if update.finished is not None:
                return _finished(update.finished, head, made, chunks.usage)
    return JsonResponse(_goes_on(interaction_id), status=503)


def _finished(done: Interaction, head: JSON, made: list[JSON], usage: Usage) -> HttpResponseBase:
    if done.status != Status.FAILED:
        return JsonResponse(whole_chat(head | {"model": done.model_id or head["model"]}, made, usage))
    response = JsonResponse(_failure(done), status=_status(done))
    if response.status_code in {429, 503}:
        response["Retry-After"] = str(INFERENCE_RETRY_AFTER_S)
    return response


async def _stream(process: ChatProcess, interaction_id: UUID, chunks: ChatChunks) -> AsyncGenerator[bytes]:
    async with aclosing(follow(process, interaction_id)) as updates:
        async for update in updates:
            made = b"".join(map(framed, _chunks(chunks, update)))
            if update.finished is not None:
                failed = update.finished.status == Status.FAILED
                yield made + (framed(_failure(update.finished)) if failed else b"") + DONE
                return
            yield made or KEEP_ALIVE
    yield framed(_goes_on(interaction_id)) + DONE


def _chunks(chunks: ChatChunks, update: Update) -> list[JSON]:
    """What is new, as chunks; with the end of the answer, unless it failed, the last ones."""
    choices: list[JSON] = [{"delta": {"content": update.text}}] if update.text else []
    done = update.finished
    if done is None or done.status == Status.FAILED:
        return chunks.take({"choices": choices})
    # One that somebody stopped has no reason.
    choices.append({"delta": {}, "finish_reason": done.finish_reason or "stop"})
    usage = {"prompt_tokens": done.prompt_tokens, "completion_tokens": done.generated_tokens}
    return [*chunks.take({"choices": choices, "usage": usage}), *chunks.end()]


def _status(failed: Interaction) -> int:
    code = FAILURES.get(failed.error_code, failed.error_code)
    return CODES[code].status if code in CODES else 500


def _failure(failed: Interaction) -> JSON:
    """What there is of the answer is kept; the error alone is told."""
    code = FAILURES.get(failed.error_code, failed.error_code)
    param = "messages" if code == "context_length_exceeded" else None
    return error_body(_status(failed), code, failed.error_message, param)


def _goes_on(interaction_id: UUID) -> JSON:
    """For a client that this process cannot serve to the end."""
    message = f"The answer goes on. Read it at /api/interactions/{interaction_id}/."
    return error_body(503, "interrupted", message)
