"""Links by which anybody can read a part of a chat: each function one verb, one short transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from chat import history
from chat.access import lock_session
from chat.models import UNFINISHED, ChatSession, Interaction, SharedLink
from chat.titles import title_from

# To one chat.
MOST_LINKS = 50

LENGTHS = """
WITH RECURSIVE path (leaf, parent_id, depth) AS (
    SELECT id, parent_id, 1 FROM chat_interaction WHERE id = ANY(%(leaves)s)
    UNION ALL
    SELECT path.leaf, i.parent_id, path.depth + 1
    FROM path JOIN chat_interaction i ON i.id = path.parent_id
    WHERE path.depth < %(limit)s
)
SELECT leaf, max(depth) FROM path GROUP BY leaf
"""


class NothingToShare(ValueError):
    """There is no answer yet, or one is still being written: what will be in it nobody has read."""


class TooManyLinks(ValueError):
    """The chat has as many links as one may have."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A link as its owner sees it. `turns`: how many it shows."""

    link: SharedLink
    turns: int


@transaction.atomic
def share(*, session: ChatSession, at: UUID | None = None) -> SharedLink:
    """A link to the path from the beginning down to the interaction `at`; None: the path that the chat shows. Where
    there is a link to that already, it is the one: a form that is sent twice makes one.

    Raises:
        NothingToShare: there is no answer there, or one on the path is not finished.
        TooManyLinks
        Http404: `at` is not in the session, or the session was deleted.
    """
    session = lock_session(session.pk)
    leaf = get_object_or_404(session.interactions, pk=at) if at else history.newest(session)
    if leaf is None:
        raise NothingToShare
    if there := links_of(session).filter(leaf=leaf).first():
        return there
    path = history.path_ids(leaf.pk, limit=history.LONGEST_PATH)
    if Interaction.objects.filter(pk__in=path, status__in=UNFINISHED).exists():
        raise NothingToShare
    if links_of(session).count() >= MOST_LINKS:
        raise TooManyLinks
    return SharedLink.objects.create(session=session, leaf=leaf)


def revoke(*, session: ChatSession, token: str) -> bool:
    """Let a link lead nowhere from now on. Returns whether there was one."""
    return bool(links_of(session).filter(token=token).delete()[0])


def links_of(session: ChatSession) -> QuerySet[SharedLink]:
    """The links to a session, the newest first."""
    return SharedLink.objects.filter(session=session)


def shown_by(links: QuerySet[SharedLink]) -> list[Shown]:
    """The links with what they show, their leaves loaded with them."""
    found = list(links.select_related("leaf"))
    lengths = _lengths([one.leaf_id for one in found])
    return [Shown(one, lengths.get(one.leaf_id, 0)) for one in found]


def length_of(leaf_id: UUID) -> int:
    """How many turns lead down to an interaction, itself included."""
    return _lengths([leaf_id]).get(leaf_id, 0)


def _lengths(leaves: Sequence[UUID]) -> dict[UUID, int]:
    if not leaves:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(LENGTHS, {"leaves": list(leaves), "limit": history.LONGEST_PATH})
        return dict(cursor.fetchall())


def title_of(path: Sequence[UUID]) -> str:
    """What a shared path is called. Not the chat's own name, which its owner may change to what is nobody else's
    business."""
    question = Interaction.objects.filter(pk=path[0]).values_list("query_text", flat=True).first() if path else None
    return title_from(question or "")


def shared_path(token: str) -> list[UUID]:
    """The ids of what a link shows, oldest first.

    Raises:
        Http404: it was revoked, its chat was deleted, even if that can be undone, its owner's account is closed, or
            there never was one. Nobody can tell which.
    """
    links = SharedLink.objects.filter(session__deleted=None, session__owner__is_active=True)
    link = links.filter(token=token).first()
    if link is None:
        raise Http404
    return history.path_ids(link.leaf_id, limit=history.LONGEST_PATH)[::-1]
