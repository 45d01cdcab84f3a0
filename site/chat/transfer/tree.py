"""Pure: messages that follow each other, as other programs keep them, turned into questions with their answers.

There an answer is a message of its own, and may be several: before and after a tool was used. Here one question and its
whole answer are one interaction, and every way through the messages that ends differently is another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from chat.transfer.chats import TOO_LONG, Unusable

# Characters of one chat. Ways that share their beginning repeat it, so a small file could become a large chat.
MOST_CHARACTERS = 20_000_000
# What stands where an answer comes before any question: models want them to take turns.
NO_QUESTION = "…"
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Message:
    """`role`: other is what neither a person nor a model said. `more`: fields of the interaction, beside its texts."""

    parent: str | None
    role: Literal["user", "assistant", "system", "other"]
    text: str
    created: datetime | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Turn:
    """A question, and its answer so far: the last message of it, and the turn as it was before that."""

    above: str | None
    question: Message | None = None
    answer: Message | None = None
    before: _Turn | None = None
    key: str | None = None


class Tree:
    """Messages by their ids, in the order in which they were written; `current`: where what was shown ended;
    `begun`: a time for those without any.

    Attributes:
        interactions: fields of `chats.Interaction`.
        system_prompt: what the system said before anybody else.
        skipped: how many messages were left out, since tools or programs said them.
    """

    def __init__(
        self, messages: Mapping[str, Message], *, current: str | None = None, begun: datetime | None = None
    ) -> None:
        self.interactions: list[dict[str, Any]] = []
        self.system_prompt = ""
        self.skipped = 0
        self._room = MOST_CHARACTERS
        self._begun = begun or datetime.now(UTC)
        self._walk(messages, current)

    def _walk(self, messages: Mapping[str, Message], current: str | None) -> None:
        below: dict[str | None, list[str]] = {}
        for key, message in messages.items():
            below.setdefault(message.parent if message.parent in messages else None, []).append(key)
        shown = None
        waiting = [(key, _Turn(None)) for key in reversed(below.get(None, []))]
        while waiting:
            key, turn = waiting.pop()
            turn = self._next(turn, messages[key])
            following = below.get(key, [])
            waiting += [(one, turn) for one in reversed(following)]
            if not following:
                self._keep(turn)
            if key == current:
                shown = turn
        self._settle(shown.key if shown else None)

    def _next(self, turn: _Turn, message: Message) -> _Turn:
        """The turn that the message belongs to, after the one that it follows."""
        has_begun = turn.question is not None or turn.answer is not None
        if not message.text.strip():
            return turn
        if message.role == "assistant":
            return _Turn(turn.above, turn.question, message, turn)
        if message.role == "user":
            return _Turn(self._keep(turn) if has_begun else turn.above, message)
        if message.role == "system" and not has_begun and turn.above is None:
            self.system_prompt = self.system_prompt or message.text
        else:
            self.skipped += 1
        return turn

    def _keep(self, turn: _Turn) -> str | None:
        """Make an interaction of a turn that is whole, once. Returns its key; None if there is nothing in it."""
        if turn.key is not None or (turn.question is None and turn.answer is None):
            return turn.key
        answers: list[Message] = []
        part: _Turn | None = turn
        while part is not None and part.answer is not None:
            answers.append(part.answer)
            part = part.before
        answers.reverse()
        query = turn.question.text if turn.question else NO_QUESTION
        text = "\n\n".join(one.text for one in answers)
        self._room -= len(query) + len(text)
        if self._room < 0:
            raise Unusable(TOO_LONG)
        turn.key = str(len(self.interactions))
        self.interactions.append(_fields(turn, query, text, answers))
        return turn.key

    def _settle(self, shown: str | None) -> None:
        """Give each a time, none before the one it follows; and the last one to what was shown, since that is what is
        shown here."""
        times: dict[str, datetime] = {}
        for one in self.interactions:
            if one["parent"] is None:
                one["created"] = one["created"] or self._begun
            else:
                above = times[one["parent"]] + TICK
                one["created"] = max(one["created"] or above, above)
            times[one["id"]] = one["created"]
        if shown is not None:
            newest = max(times.values())
            [found] = [one for one in self.interactions if one["id"] == shown]
            if found["created"] < newest:
                found["created"] = newest + TICK
        self.interactions.sort(key=lambda one: one["created"])


def _fields(turn: _Turn, query: str, text: str, answers: list[Message]) -> dict[str, Any]:
    times = [one.created for one in (*answers, turn.question) if one and one.created]
    known: dict[str, Any] = {}
    for one in answers:
        known |= one.more
    return {
        "status": "complete" if answers else "stopped",
        **known,
        "id": turn.key,
        "parent": turn.above,
        "query_text": query,
        "final_response_text": text,
        "created": times[0] if times else None,
        "finished": answers[-1].created if answers else None,
    }
