"""Finding chats again: by words, or parts of words, of their titles, questions and answers.

A question or answer is found if it has all the terms, a title likewise. The newest hits come first. What is searched is
bounded in three ways, tried one after the other until there are enough hits:

1. the owner's newest interactions, read one by one: what is common is found here, in order;
2. whole words and beginnings of words, by full text; in a language without spaces two characters are a word;
3. parts of words, by trigrams. Of what is common only as a part, and not recently, any `PARTS_READ` hits are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from chat.models import ChatSession

MOST_CHARACTERS = 200
MOST_TERMS = 12
MOST_HITS = 50
RECENT = 500
PARTS_READ = 250
SNIPPET_BEFORE, SNIPPET = 60, 220

# "a phrase in quotes", or what stands between spaces
_TERMS = re.compile(r'"([^"]*)"|([^\s"]+)')
# What has no three letters or digits in a row has no trigram of its own.
_TRIGRAM = re.compile(r"[^\W_]{3}")
_SHORT_WORD = re.compile(r"[0-9A-Za-z\u00c0-\u02af\u0370-\u058f]{1,2}")

TEXT = r"(i.query_text || E'\n' || i.final_response_text)"
FINISHED = "i.status IN ('complete', 'stopped', 'failed')"
OWNED = "s.owner_id = %(owner)s AND s.deleted IS NULL"

RECENT_HITS = """
WITH recent AS (
    SELECT i.* FROM chat_chatsession s CROSS JOIN LATERAL (
        SELECT * FROM chat_interaction i WHERE i.session_id = s.id ORDER BY i.created DESC, i.id DESC LIMIT %(recent)s
    ) AS i
    WHERE {owned} ORDER BY s.updated DESC, s.id DESC LIMIT %(recent)s
)
SELECT (SELECT count(*) FROM recent), array(
    SELECT i.id FROM recent i WHERE {found} ORDER BY i.created DESC, i.id DESC LIMIT %(hits)s)
"""

WORD_HITS = """
SELECT i.id FROM chat_interaction i JOIN chat_chatsession s ON s.id = i.session_id
WHERE {owned} AND {finished} AND {words}
ORDER BY i.created DESC, i.id DESC LIMIT %(hits)s
"""

PART_HITS = """
SELECT id FROM (
    SELECT i.id, i.created FROM chat_interaction i JOIN chat_chatsession s ON s.id = i.session_id
    WHERE {owned} AND {finished} AND {found} LIMIT %(parts)s
) AS any_of_them ORDER BY created DESC, id DESC LIMIT %(hits)s
"""

# Where the first term is: in the question, or else in the answer.
SNIPPETS = """
WITH hits AS (
    SELECT i.id, i.session_id, i.created, strpos(lower(i.query_text), lower(%(first)s)) AS asked,
        strpos(lower(i.final_response_text), lower(%(first)s)) AS answered, i.query_text, i.final_response_text
    FROM chat_interaction i WHERE i.id = ANY(%(ids)s)
)
SELECT id, session_id, CASE WHEN asked > 0 OR answered = 0
    THEN substr(query_text, greatest(asked - %(before)s, 1), %(length)s)
    ELSE substr(final_response_text, greatest(answered - %(before)s, 1), %(length)s) END,
    CASE WHEN asked > 0 OR answered = 0 THEN asked > %(before)s + 1 ELSE answered > %(before)s + 1 END
FROM hits ORDER BY created DESC, id DESC
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """A question with its answer: `snippet` is the text around the first hit in it."""

    interaction_id: UUID
    snippet: str


@dataclass(frozen=True, slots=True)
class Found:
    """A chat that was found, by its title where there are no hits in it."""

    session: ChatSession
    hits: Sequence[Hit]


@dataclass(frozen=True, slots=True)
class Results:
    """`is_cut`: there may be more than these."""

    found: Sequence[Found]
    is_cut: bool = False


def terms_of(text: str) -> list[str]:
    """The words and "phrases" of what was typed, each once."""
    terms = (" ".join((phrase or word).split()) for phrase, word in _TERMS.findall(text))
    return list(dict.fromkeys(term for term in terms if term))[:MOST_TERMS]


def is_begun_only(term: str) -> bool:
    """Whether only words that begin with it have it: one letter or two are in the middle of almost anything."""
    return bool(_SHORT_WORD.fullmatch(term))


def search(*, owner_id: int, text: str) -> Results:
    """The owner's chats that have all the terms of `text` in their title, or in one question with its answer.

    `text` has no NUL characters; at most MOST_CHARACTERS of it are looked at, and at most MOST_TERMS terms.
    """
    terms = terms_of(text[:MOST_CHARACTERS])
    if not terms:
        return Results([])
    titled = list(_titled(owner_id, terms)[: MOST_HITS + 1])
    ids = _interactions(owner_id, terms)
    hits = _snippets(ids[:MOST_HITS], terms[0])
    is_cut = len(titled) > MOST_HITS or len(ids) > MOST_HITS
    return Results(_by_session(owner_id, titled[:MOST_HITS], hits), is_cut)


def matching(*, owner_id: int, text: str) -> list[UUID]:
    """The ids of these chats."""
    return [one.session.pk for one in search(owner_id=owner_id, text=text).found]


def _titled(owner_id: int, terms: Sequence[str]) -> QuerySet[ChatSession]:
    found = ChatSession.objects.filter(owner_id=owner_id, deleted=None)
    for term in terms:
        found = found.filter(title__icontains=term)
    return found.only("id", "title", "updated", "pinned", "archived")


def _interactions(owner_id: int, terms: Sequence[str]) -> list[UUID]:
    """Those with hits, newest first, one more than are shown if there are more."""
    given: dict[str, Any] = {"owner": owner_id, "recent": RECENT, "hits": MOST_HITS + 1, "parts": PARTS_READ}
    conditions = [_condition(number, term, given) for number, term in enumerate(terms)]
    parts = {"owned": OWNED, "finished": FINISHED, "found": " AND ".join(conditions)}
    with connection.cursor() as cursor:
        cursor.execute(RECENT_HITS.format(**parts), given)
        read, hits = cursor.fetchone()
        if read < RECENT or len(hits) > MOST_HITS:
            return list(hits)
        words = [_begun(number, term, conditions[number]) for number, term in enumerate(terms)]
        cursor.execute(f"SELECT {', '.join(f'chat_begun(%(term{number})s)' for number in range(len(terms)))}", given)
        if None not in cursor.fetchone():
            cursor.execute(WORD_HITS.format(words=" AND ".join(words), **parts), given)
            hits += [row[0] for row in cursor.fetchall()]
        if len(set(hits)) <= MOST_HITS and any(_TRIGRAM.search(term) for term in terms):
            cursor.execute(PART_HITS.format(**parts), given)
            hits += [row[0] for row in cursor.fetchall()]
    return list(dict.fromkeys(hits))


def _begun(number: int, term: str, condition: str) -> str:
    """The same by full text, which is as good for one word of letters and digits; anything else is looked at again."""
    words = f"chat_words{TEXT} @@ chat_begun(%(term{number})s)"
    return words if term.isascii() and term.isalnum() else f"{words} AND {condition}"


def _condition(number: int, term: str, given: dict[str, Any]) -> str:
    """What a text must hold to have the term."""
    given[f"term{number}"] = term
    if is_begun_only(term):
        given[f"like{number}"] = rf"\m{term}"
        return f"{TEXT} ~* %(like{number})s"
    given[f"like{number}"] = "%" + re.sub(r"([\\%_])", r"\\\1", term) + "%"
    return f"{TEXT} ILIKE %(like{number})s"


def _snippets(ids: Sequence[UUID], first: str) -> list[tuple[UUID, Hit]]:
    if not ids:
        return []
    given: dict[str, Any] = {"ids": list(ids), "first": first, "before": SNIPPET_BEFORE, "length": SNIPPET}
    with connection.cursor() as cursor:
        cursor.execute(SNIPPETS, given)
        return [(row[1], Hit(row[0], _snippet(row[2], is_inside=row[3]))) for row in cursor.fetchall()]


def _snippet(text: str, *, is_inside: bool) -> str:
    """On one line, from a word's beginning to a word's end."""
    cut = text.partition(" ")[2] if is_inside and " " in text[:SNIPPET_BEFORE] else text
    if len(text) == SNIPPET:
        cut = cut.rpartition(" ")[0] or cut
    return ("…" if is_inside else "") + " ".join(cut.split()) + ("…" if len(text) == SNIPPET else "")


def _by_session(owner_id: int, titled: Sequence[ChatSession], hits: Sequence[tuple[UUID, Hit]]) -> list[Found]:
    """Chats found by their title first, then those with hits; either the newest first."""
    by_session: dict[UUID, list[Hit]] = {session.pk: [] for session in titled}
    for session_id, hit in hits:
        by_session.setdefault(session_id, []).append(hit)
    there = {session.pk: session for session in titled}
    missing = [pk for pk in by_session if pk not in there]
    if missing:
        others = ChatSession.objects.filter(pk__in=missing, owner_id=owner_id, deleted=None)
        there |= {one.pk: one for one in others.only("id", "title", "updated", "pinned", "archived")}
    return [Found(there[pk], found) for pk, found in by_session.items() if pk in there]
