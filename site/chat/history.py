"""Reading the tree: the path from a session's beginning to one interaction. Synchronous."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

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
