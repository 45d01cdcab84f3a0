"""The list of chats as pages show it: in groups by the day of their last use, in the reader's time zone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from chat.access import sessions_of
from chat.models import ChatSession

SIDEBAR_SESSIONS = 40
SIDEBAR_PINNED = 20
TODAY = "today"


@dataclass(frozen=True, slots=True)
class Group:
    """Chats under one heading. `key`: what it is called in the page, whatever the language."""

    key: str
    name: str
    sessions: Sequence[ChatSession]


def listed(user: User, *, archived: bool = False) -> QuerySet[ChatSession]:
    """The chats of the list, or of the archive, with what a list shows of them: pinned ones first."""
    found = sessions_of(user).filter(archived=archived).only("id", "owner_id", "title", "pinned", "archived", "updated")
    return found.order_by("-pinned", "-updated", "-id")


def sidebar_context(user: User) -> dict[str, Any]:
    """What every page's list shows. Two statements that each read few rows, however many chats there are."""
    pinned = list(listed(user).filter(pinned=True)[: SIDEBAR_PINNED + 1])
    rest = listed(user).filter(pinned=False).order_by("-updated", "-id")
    recent = list(rest[: SIDEBAR_SESSIONS + 1])
    groups = grouped([*pinned[:SIDEBAR_PINNED], *recent[:SIDEBAR_SESSIONS]])
    return {
        "groups": with_today(groups),
        "more_sessions": len(pinned) > SIDEBAR_PINNED or len(recent) > SIDEBAR_SESSIONS,
    }


def grouped(sessions: Iterable[ChatSession]) -> list[Group]:
    """Neighbours of the same group together; the order stays."""
    today = timezone.localdate()
    keyed = groupby(sessions, key=lambda one: _group_of(one, today))
    return [Group(key, name, list(members)) for (key, name), members in keyed]


def with_today(groups: Sequence[Group]) -> list[Group]:
    """The same with a group for today, perhaps an empty one: a chat that is used goes there."""
    if any(group.key == TODAY for group in groups):
        return list(groups)
    pinned = [group for group in groups if group.key == "pinned"]
    return [*pinned, Group(TODAY, _("Today"), []), *groups[len(pinned) :]]


def _group_of(session: ChatSession, today: date) -> tuple[str, str]:
    if session.pinned:
        return "pinned", _("Pinned")
    used = timezone.localtime(session.updated).date()
    for key, name, since in (
        (TODAY, _("Today"), today),  # a clock that is a little ahead included
        ("yesterday", _("Yesterday"), today - timedelta(days=1)),
        ("week", _("Previous 7 days"), today - timedelta(days=7)),
        ("month", _("Previous 30 days"), today - timedelta(days=30)),
    ):
        if used >= since:
            return key, name
    return f"{used:%Y-%m}", date_format(used, "YEAR_MONTH_FORMAT")
