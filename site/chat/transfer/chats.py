"""Pure: a chat as files have it, whichever format they are in; and what has to hold before one can be kept.

These are the objects of Parley's own JSON, field by field:

    {"format": "parley", "version": 1, "sessions": [{…, "interactions": [{…}]}]}

Times are RFC 3339 with microseconds. `id` and `parent` tie the interactions of one chat together and mean nothing
outside the file. What a later version adds is passed over; what it changes raises `version`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import Meta

from chat.models import COMMENT_MAX_LENGTH, QUERY_MAX_LENGTH, TITLE_MAX_LENGTH
from chat.parameters import ParameterError, checked

FORMAT = "parley"
VERSION = 1

MOST_INTERACTIONS = 20_000
# Of an answer, in characters: more than the window of any model.
LONGEST_ANSWER = 2_000_000
# That may be asked for.
MOST_TOKENS = 1_000_000

Key = Annotated[str, Meta(max_length=200)]
Short = Annotated[str, Meta(max_length=40)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
When = Annotated[datetime, Meta(tz=True)]


class Interaction(msgspec.Struct, kw_only=True):
    """One question and its answer, as `chat.models.Interaction` has it; `parent`: the `id` of the one it follows."""

    id: Key
    parent: Key | None = None
    query_text: Annotated[str, Meta(max_length=QUERY_MAX_LENGTH)]
    final_response_text: Annotated[str, Meta(max_length=LONGEST_ANSWER)] = ""
    status: Literal["queued", "generating", "complete", "stopped", "failed"] = "complete"
    finish_reason: Short = ""
    error_code: Short = ""
    error_message: Annotated[str, Meta(max_length=10_000)] = ""
    parameters: dict[str, Any] = {}
    model_id: Annotated[str, Meta(max_length=300)] = ""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    prompt_tokens: Count | None = None
    generated_tokens: Count | None = None
    first_token_ms: Count | None = None
    duration_ms: Count | None = None
    dropped_turns: Count = 0
    rating: Literal[-1, 1] | None = None
    rating_comment: Annotated[str, Meta(max_length=COMMENT_MAX_LENGTH)] = ""
    created: When | None = None
    finished: When | None = None


class Chat(msgspec.Struct, kw_only=True):
    """One session. `interactions`: in the order in which they were asked."""

    id: Key = ""
    title: Annotated[str, Meta(max_length=TITLE_MAX_LENGTH)] = ""
    system_prompt: Annotated[str, Meta(max_length=QUERY_MAX_LENGTH)] = ""
    parameters: dict[str, Any] = {}
    pinned: bool = False
    archived: bool = False
    created: When | None = None
    updated: When | None = None
    interactions: list[Interaction] = []


class Unusable(Exception):
    """A chat of a file that cannot be kept; `reason` says why, in the language of whoever reads it."""

    def __init__(self, reason: str | Promise) -> None:
        super().__init__(reason)
        self.reason = reason


EMPTY = _("there is no message in it")
TOO_MANY = _("it has too many messages")
TOO_LONG = _("it is too long")
NUL = _("it contains a NUL character")
BROKEN = _("it is damaged, or not as it should be")
BAD_PARAMETERS = _("it has parameters that cannot be used")


def check(chat: Chat) -> None:
    """Find what cannot be kept of a chat, whoever made it.

    Raises:
        Unusable
    """
    if len(chat.interactions) > MOST_INTERACTIONS:
        raise Unusable(TOO_MANY)
    parts: list[Chat | Interaction] = [chat, *chat.interactions]
    if any("\0" in text for one in parts for text in _texts(one)):
        raise Unusable(NUL)
    try:
        for one in parts:
            one.parameters = _checked(one.parameters)
            _to_utc(one)
    except ParameterError as error:
        raise Unusable(BAD_PARAMETERS) from error
    except OverflowError as error:  # a time just before or after all that there are
        raise Unusable(BROKEN) from error
    _check_tree(chat.interactions)


def _texts(one: Chat | Interaction) -> list[str]:
    return [value for value in msgspec.structs.astuple(one) if isinstance(value, str)]


def _to_utc(one: Chat | Interaction) -> None:
    for name in ("created", "updated", "finished"):
        if (time := getattr(one, name, None)) is not None:
            setattr(one, name, time.astimezone(UTC))


def _checked(parameters: dict[str, Any]) -> dict[str, Any]:
    limit = parameters.get("max_tokens")
    if type(limit) is int and MOST_TOKENS < limit < 2**31:  # of an answer that was continued: so many more than allowed
        return {**checked({**parameters, "max_tokens": MOST_TOKENS}), "max_tokens": limit}
    return checked(parameters)


def _check_tree(interactions: list[Interaction]) -> None:
    """Every parent is there, none twice, and none follows itself by any way."""
    parents = {one.id: one.parent for one in interactions}
    if len(parents) < len(interactions) or any(one is not None and one not in parents for one in parents.values()):
        raise Unusable(BROKEN)
    rooted: set[str | None] = {None}
    for start in parents:
        walked: set[str | None] = set()
        here: str | None = start
        while here not in rooted:
            if here in walked or here is None:
                raise Unusable(BROKEN)
            walked.add(here)
            here = parents[here]
        rooted |= walked
