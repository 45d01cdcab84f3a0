"""Reading the tree: the path from a session's beginning to one interaction. Synchronous."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Q

from chat.context import Turn
from chat.models import ChatSession, Interaction

# A window of any model is smaller; what lies further back is counted as left out.
MOST_TURNS = 1000

PATH = """
WITH RECURSIVE path (id, parent_id, depth) AS (
    SELECT id, parent_id, 0 FROM chat_interaction WHERE id = %(leaf)s
    UNION ALL
    SELECT i.id, i.parent_id, path.depth + 1
    FROM path JOIN chat_interaction i ON i.id = path.parent_id
    WHERE path.depth + 1 < %(limit)s
)
SELECT id FROM path ORDER BY depth
"""

# UNION, not UNION ALL: no tree of ours has a circle, but one that had would not keep the database busy for ever.
BELOW = """
WITH RECURSIVE below (id, created) AS (
    SELECT id, created FROM chat_interaction WHERE id = %(top)s
    UNION
    SELECT i.id, i.created FROM below JOIN chat_interaction i ON i.parent_id = below.id
)
SELECT id FROM below ORDER BY created DESC, id DESC LIMIT 1
"""

# A page is told of the whole path only what it needs to find its part of it; no conversation is longer.
LONGEST_PATH = 20_000

# What is shown above an interaction that a page was asked for, so that it does not stand there out of nowhere.
CONTEXT_TURNS = 2


@dataclass(frozen=True, slots=True)
class Variants:
    """An interaction among its siblings, oldest first: the same question asked again, or another in its place.

    Attributes:
        place: from 1 on; count: how many there are.
        previous, next: its neighbours; None at the ends.
    """

    place: int
    count: int
    previous: UUID | None
    next: UUID | None


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a path, as long as a page shows at once.

    Attributes:
        interactions: oldest first.
        leaf_id: where the path ends; what the next question follows. None in an empty session.
        has_earlier, has_later: whether the path goes on above the first, below the last.
        variants: of each interaction that has siblings.
    """

    interactions: list[Interaction]
    leaf_id: UUID | None
    has_earlier: bool
    has_later: bool
    variants: dict[UUID, Variants]


@dataclass(frozen=True, slots=True)
class RunInput:
    """Everything that a run starts from. `turns`: oldest first; `logged`: text that earlier attempts wrote."""

    interaction: Interaction
    session: ChatSession
    turns: list[Turn]
    logged: str
    parent_unfinished: bool


def newest(session: ChatSession) -> Interaction | None:
    """The interaction made last: the end of the path that the session shows."""
    return session.interactions.order_by("-created", "-id").first()


def path_ids(leaf_id: UUID, *, limit: int) -> list[UUID]:
    """The ids from a leaf up to its root, nearest first, at most `limit`."""
    with connection.cursor() as cursor:
        cursor.execute(PATH, {"leaf": leaf_id, "limit": limit})
        return [row[0] for row in cursor.fetchall()]


def path(leaf: Interaction | None, *, limit: int) -> list[Interaction]:
    """The interactions from the root (or the `limit` nearest) down to the leaf."""
    if leaf is None:
        return []
    ids = path_ids(leaf.pk, limit=limit)
    found = Interaction.objects.in_bulk(ids)
    return [found[one] for one in reversed(ids) if one in found]


def newest_below(interaction_id: UUID) -> UUID | None:
    """The newest interaction that an interaction leads to, itself if nothing follows it; None if it was deleted."""
    with connection.cursor() as cursor:
        cursor.execute(BELOW, {"top": interaction_id})
        row = cursor.fetchone()
        return row[0] if row else None


def window(
    session: ChatSession, *, size: int, at: UUID | None = None, before: UUID | None = None, after: UUID | None = None
) -> Window:
    """A part of the path through `at` down to the newest interaction below it; without `at`, to the newest of all.

    Args:
        size: how many interactions at most.
        before, after: those above, below this one of the path. Without either the last ones, or the ones from a
            little above `at` on where it is further up.

    Raises:
        Interaction.DoesNotExist: `at`, `before` or `after` is not in the session, or not on the path.
    """
    leaf_id = _leaf(session, at)
    if leaf_id is None:
        return Window([], None, has_earlier=False, has_later=False, variants={})
    plain = at is None and before is None and after is None
    ids = path_ids(leaf_id, limit=size + 1 if plain else LONGEST_PATH)[::-1]
    start, end = _bounds(ids, size, at=at, before=before, after=after)
    found = Interaction.objects.in_bulk(ids[start:end])
    interactions = [found[one] for one in ids[start:end] if one in found]
    return Window(
        interactions,
        leaf_id,
        has_earlier=start > 0,
        has_later=end < len(ids),
        variants=variants_of(session, interactions),
    )


def _leaf(session: ChatSession, at: UUID | None) -> UUID | None:
    if at is None:
        return session.interactions.order_by("-created", "-id").values_list("pk", flat=True).first()
    return newest_below(session.interactions.only("pk").get(pk=at).pk)


def _bounds(ids: list[UUID], size: int, *, at: UUID | None, before: UUID | None, after: UUID | None) -> tuple[int, int]:
    """The part of the path, root first, as the indexes of a slice."""
    try:
        if before is not None:
            end = ids.index(before)
            return max(end - size, 0), end
        if after is not None:
            start = ids.index(after) + 1
        else:
            start = max(len(ids) - size, 0)
            if at is not None:
                start = min(start, max(ids.index(at) - CONTEXT_TURNS, 0))
    except ValueError:
        raise Interaction.DoesNotExist from None
    return start, min(start + size, len(ids))


def variants_of(session: ChatSession, interactions: Iterable[Interaction]) -> dict[UUID, Variants]:
    """Where each of the interactions that have siblings stands among them. One query for all of them."""
    parents = {one.parent_id for one in interactions}
    at_the_top = Q(parent=None) if None in parents else Q()
    siblings = session.interactions.filter(Q(parent__in=parents - {None}) | at_the_top).order_by("created", "id")
    families: dict[UUID | None, list[UUID]] = {}
    for pk, parent_id in siblings.values_list("pk", "parent_id") if parents else []:
        families.setdefault(parent_id, []).append(pk)
    return {
        one: _variants(family, place)
        for family in families.values()
        if len(family) > 1
        for place, one in enumerate(family)
    }


def family_of(interaction: Interaction) -> list[UUID]:
    """The ids of the interaction and its siblings, oldest first."""
    siblings = Interaction.objects.filter(session=interaction.session_id, parent=interaction.parent_id)
    return list(siblings.order_by("created", "id").values_list("pk", flat=True))


def _variants(family: list[UUID], place: int) -> Variants:
    return Variants(
        place=place + 1,
        count=len(family),
        previous=family[place - 1] if place else None,
        next=family[place + 1] if place + 1 < len(family) else None,
    )


def first_run(interaction: Interaction) -> RunInput:
    """The same for the first question of a session, which nothing needs to be read for. A copy: the run fills in how
    the answer ended while the request that asked still shows the question."""
    own = copy(interaction)
    return RunInput(own, own.session, turns=[], logged="", parent_unfinished=False)


def load_run(interaction_id: UUID) -> RunInput | None:
    """What the run of an interaction starts from; None if it was deleted."""
    interaction = Interaction.objects.select_related("session", "parent").filter(pk=interaction_id).first()
    if interaction is None:
        return None
    parent = interaction.parent
    return RunInput(
        interaction,
        interaction.session,
        turns=earlier_turns(parent) if parent else [],
        logged="".join(interaction.chunks.order_by("offset").values_list("text", flat=True)),
        parent_unfinished=parent is not None and not parent.is_finished,
    )


def earlier_turns(leaf: Interaction) -> list[Turn]:
    """The turns down to the leaf, oldest first. One without any answer is left out: chat templates want questions
    and answers to alternate."""
    ids = path_ids(leaf.pk, limit=MOST_TURNS)
    answered = Interaction.objects.filter(pk__in=ids).exclude(final_response_text="")
    texts = {
        pk: Turn(query, text) for pk, query, text in answered.values_list("id", "query_text", "final_response_text")
    }
    return [texts[one] for one in reversed(ids) if one in texts]
