"""Links by which anybody can read a part of a chat: each function one verb, one short transaction."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from chat import history
from chat.models import UNFINISHED, ChatSession, Interaction, SharedLink

# More than anybody reads on one page.
MOST_TURNS = 1000


class NothingToShare(ValueError):
    """There is no answer yet, or it is still being written: what will be in it nobody has read."""


def share(*, session: ChatSession, at: UUID | None = None) -> SharedLink:
    """A new link to the path from the beginning down to the interaction `at`; None: the path that the chat shows.

    Raises:
        NothingToShare: there is no finished answer there.
        Http404: `at` is not in the session.
    """
    leaf = get_object_or_404(session.interactions, pk=at) if at else history.newest(session)
    if leaf is None or not leaf.is_finished:
        raise NothingToShare
    return SharedLink.objects.create(session=session, leaf=leaf)


def revoke(*, session: ChatSession, token: str) -> bool:
    """Let a link lead nowhere from now on. Returns whether there was one."""
    return bool(links_of(session).filter(token=token).delete()[0])


def links_of(session: ChatSession) -> QuerySet[SharedLink]:
    """The links to a session, the newest first."""
    return SharedLink.objects.filter(session=session)


def read_shared(token: str) -> list[Interaction]:
    """What a link shows: finished turns, oldest first.

    Raises:
        Http404: it was revoked, its chat was deleted, or there never was one.
    """
    link = SharedLink.objects.filter(token=token, session__deleted=None).first()
    if link is None:
        raise Http404
    ids = history.path_ids(link.leaf_id, limit=MOST_TURNS)
    found = Interaction.objects.exclude(status__in=UNFINISHED).in_bulk(ids)
    return [found[one] for one in reversed(ids) if one in found]
