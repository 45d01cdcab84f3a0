"""What HTMX gets for a question: the new turn, and what else on the page changes with it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string

from accounts.models import User
from chat import presentation, tickets
from chat.forms import QueryForm
from chat.length import room
from chat.models import ChatSession, Interaction, uuid7
from chat.skeletons import Skeleton

TEMPLATE = "_fragments/asked.html"

STAND_INS = {
    "interaction": "019a0000-0000-7000-8000-00000000a5ed",
    "session": "019a0000-0000-7000-8000-0000000c4a70",
    "title": "\ue000title\ue001",
    "query": "\ue000query\ue001",
    "key": "\ue000key\ue001",
    "ticket": "\ue000ticket\ue001",
    "csrf_token": "\ue000csrf\ue001",
    "owner": "\ue000owner\ue001",
}


class Variant(NamedTuple):
    """On what the fragment depends beside its texts."""

    enter_sends: bool
    pinned: bool
    room: int | None


def asked_html(request: HttpRequest, user: User, interaction: Interaction) -> str | None:
    """The fragment for a question that was accepted, without the database and nearly for nothing; None where something
    has to be looked up: then ask `asked_html_looked_up`."""
    if interaction.is_finished or interaction.has_siblings:
        return None
    texts = {
        "interaction": interaction.pk,
        "session": interaction.session_id,
        "title": interaction.session,
        "query": interaction.query_text,
        "key": uuid7(),
        "ticket": tickets.make(interaction.pk, request.session.session_key),
        "csrf_token": get_token(request),
        "owner": user.pk,
    }
    return _skeleton.fill(Variant(user.enter_sends, interaction.session.pinned, room()), texts)


def asked_html_looked_up(request: HttpRequest, interaction: Interaction) -> str:
    """The same, always: for the same form sent again, late, and for one of several that follow the same turn."""
    ticket = tickets.make(interaction.pk, request.session.session_key)
    return render_to_string(TEMPLATE, context(interaction, key=str(uuid7()), ticket=ticket), request)


def context(interaction: Interaction, *, key: str, ticket: str) -> dict[str, Any]:
    """What the template shows; `key` is for the next question."""
    form = QueryForm(initial={"idempotency_key": key, "after": interaction.pk})
    return {
        "session": interaction.session,
        "turn": presentation.asked_turn(interaction),
        "ticket": ticket,
        "leaf_id": interaction.pk,
        **presentation.composer_context(form),
    }


def _sample(variant: Variant) -> dict[str, Any]:
    session = ChatSession(id=UUID(STAND_INS["session"]), title=STAND_INS["title"], pinned=variant.pinned)
    interaction = Interaction(id=UUID(STAND_INS["interaction"]), session=session, query_text=STAND_INS["query"])
    user = SimpleNamespace(pk=STAND_INS["owner"], enter_sends=variant.enter_sends)
    return context(interaction, key=STAND_INS["key"], ticket=STAND_INS["ticket"]) | {
        "room": variant.room,
        "csrf_token": STAND_INS["csrf_token"],
        "request": SimpleNamespace(user=user),
    }


_skeleton = Skeleton(TEMPLATE, STAND_INS, _sample)
