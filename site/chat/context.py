"""The conversation as messages that fit the model's window: newest turns kept, the system prompt always. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from inference.protocol import Message, ModelInfo

# What a chat template adds around one message, in tokens: generous, since this only ever stands in for a count.
TEMPLATE_TOKENS = 64
# Characters per token, for servers that cannot count: low, so that the estimate errs towards fitting.
CHARACTERS_PER_TOKEN = 3
# An answer needs room. Of a small window at least this part is kept free for it.
LEAST_ANSWER_SHARE = 4

Count = Callable[[Sequence[Message]], Awaitable[int | None]]


class QueryTooLong(Exception):
    """The question alone does not fit the model's window.

    Attributes:
        tokens: the question's length; limit: what the model takes, both in tokens.
    """

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"{tokens} tokens, of which the model takes {limit}")
        self.tokens = tokens
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question and its answer."""

    query: str
    answer: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """All that an answer may be made from. `turns`: oldest first; `continued`: text the answer has already."""

    system_prompt: str
    turns: Sequence[Turn]
    query: str
    continued: str = ""

    def messages(self, *, drop: int = 0) -> list[Message]:
        """The messages for the model, without the `drop` oldest turns. A begun answer is the last message."""
        messages: list[Message] = []
        if self.system_prompt:
            messages.append({"role": "system", "content": self.system_prompt})
        for turn in self.turns[drop:]:
            messages.append({"role": "user", "content": turn.query})
            messages.append({"role": "assistant", "content": turn.answer})
        messages.append({"role": "user", "content": self.query})
        if self.continued:
            messages.append({"role": "assistant", "content": self.continued})
        return messages


@dataclass(frozen=True, slots=True)
class Fitted:
    """Messages that fit, with what was left out, and how long the answer may become (tokens)."""

    messages: list[Message]
    dropped_turns: int
    max_tokens: int


async def fit(conversation: Conversation, *, info: ModelInfo, max_tokens: int, count: Count) -> Fitted:
    """Leave out as few of the oldest turns as it takes.

    Args:
        info: the model's limits; without `max_total_tokens` nothing is cut.
        max_tokens: the answer's wanted length; shortened where the window leaves less.
        count: tokens of messages, or None where the server cannot count (then they are estimated).

    Raises:
        QueryTooLong: not even the question alone fits.
    """
    total = info.max_total_tokens
    room = budget(info, max_tokens)
    if total is None or room is None:
        return Fitted(conversation.messages(), 0, max_tokens)

    whole = conversation.messages()
    bound = upper_bound(whole)
    if bound <= room and bound + max_tokens <= total:
        return Fitted(whole, 0, max_tokens)

    lengths: dict[int, int] = {}

    async def length(drop: int) -> int:
        if drop not in lengths:
            messages = conversation.messages(drop=drop)
            counted = await count(messages)
            lengths[drop] = estimate(messages) if counted is None else counted
        return lengths[drop]

    drop = await _fewest_dropped(len(conversation.turns), room, length)
    if await length(drop) > room and not _can_go_on(conversation, lengths[drop], info):
        raise QueryTooLong(lengths[drop], room)
    return Fitted(conversation.messages(drop=drop), drop, max(1, min(max_tokens, total - lengths[drop])))


def budget(info: ModelInfo, max_tokens: int) -> int | None:
    """Tokens that all messages may have, so that an answer of `max_tokens` has room, or a fair share of a small window;
    None where the model names no limit."""
    total = info.max_total_tokens
    if total is None:
        return None
    reserved = min(max_tokens, max(total // LEAST_ANSWER_SHARE, 1))
    return min(info.max_input_tokens or total, total - reserved)


def _can_go_on(conversation: Conversation, length: int, info: ModelInfo) -> bool:
    """Whether a begun answer, which has used up some of the room kept for it, may still become longer."""
    most = min(info.max_input_tokens or length, (info.max_total_tokens or length) - 1)
    return bool(conversation.continued) and length <= most


async def _fewest_dropped(turns: int, room: int, length: Callable[[int], Awaitable[int]]) -> int:
    """The smallest number of turns to drop so that the rest fits the room, or all of them. Usually asks once:
    the conversation fits; otherwise a binary search, since each look is a call to the server."""
    if await length(0) <= room:
        return 0
    low, high = 1, turns
    while low < high:
        middle = (low + high) // 2
        if await length(middle) <= room:
            high = middle
        else:
            low = middle + 1
    return min(low, turns)


def upper_bound(messages: Sequence[Message]) -> int:
    """Tokens that the messages cannot exceed: a token stands for at least one byte."""
    return sum(len(message["content"].encode()) + TEMPLATE_TOKENS for message in messages) + TEMPLATE_TOKENS


def estimate(messages: Sequence[Message]) -> int:
    """Tokens of the messages, roughly; for servers that cannot count."""
    return sum(len(message["content"]) // CHARACTERS_PER_TOKEN + 1 for message in messages) + 16 * len(messages)
