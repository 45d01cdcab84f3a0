"""The conversation cut to the model's window. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.context import Conversation, Fitted, QueryTooLong, Turn, estimate, fit, upper_bound
from inference.protocol import Message, ModelInfo


def words(count: int) -> str:
    """Text of `count` tokens, as `count_words` counts."""
    return " ".join(["word"] * count)


async def count_words(messages: Sequence[Message]) -> int | None:
    """A token is a word; a message's template takes 4."""
    return sum(len(message["content"].split()) + 4 for message in messages)


async def cannot_count(messages: Sequence[Message]) -> int | None:
    return None


async def never_asked(messages: Sequence[Message]) -> int | None:
    raise AssertionError("the server was asked though the text is short enough in any case")


def window(total: int, most_input: int | None = None) -> ModelInfo:
    return ModelInfo("model", most_input, total)


texts = st.integers(0, 120).map(words)
turns = st.lists(st.builds(Turn, texts, texts), max_size=12)


@given(
    conversation=st.builds(Conversation, texts, turns, texts, texts),
    total=st.integers(1, 1500),
    most_input=st.none() | st.integers(1, 1500),
    max_tokens=st.integers(1, 800),
)
async def test_what_fits_leaves_room_for_an_answer_and_drops_as_few_turns_as_it_takes(
    conversation: Conversation, total: int, most_input: int | None, max_tokens: int
):
    reserved = min(max_tokens, max(total // 4, 1))
    budget = min(most_input or total, total - reserved)
    # A begun answer may use up the room that was kept for it.
    room = max(budget, min(most_input or total, total - 1)) if conversation.continued else budget
    alone = await count_words(conversation.messages(drop=len(conversation.turns))) or 0
    fitting = fit(conversation, info=window(total, most_input), max_tokens=max_tokens, count=count_words)
    if alone > room:
        with pytest.raises(QueryTooLong) as refused:
            await fitting
        assert (refused.value.tokens, refused.value.limit) == (alone, budget)
        return
    fitted = await fitting
    length = await count_words(fitted.messages) or 0
    assert fitted.messages == conversation.messages(drop=fitted.dropped_turns)
    assert length <= room
    assert 1 <= fitted.max_tokens <= max_tokens
    assert length + fitted.max_tokens <= total
    if fitted.dropped_turns:
        one_more = conversation.messages(drop=fitted.dropped_turns - 1)
        assert (await count_words(one_more) or 0) > budget


@given(
    conversation=st.builds(Conversation, texts, turns, texts, texts),
    total=st.integers(1, 1500),
)
async def test_the_system_prompt_the_newest_turns_and_the_question_are_kept(conversation: Conversation, total: int):
    try:
        fitted = await fit(conversation, info=window(total), max_tokens=50, count=count_words)
    except QueryTooLong:
        return
    expected = [message["content"] for message in conversation.messages()]
    kept = [message["content"] for message in fitted.messages]
    head = 1 if conversation.system_prompt else 0
    assert kept[:head] == expected[:head]
    assert kept[head:] == expected[head + 2 * fitted.dropped_turns :]


@given(st.builds(Conversation, st.text(), st.lists(st.builds(Turn, st.text(), st.text())), st.text()))
def test_the_upper_bound_is_never_below_the_estimate(conversation: Conversation):
    messages = conversation.messages()
    assert upper_bound(messages) >= estimate(messages)


async def test_a_short_conversation_costs_no_question_to_the_server():
    conversation = Conversation("Be kind.", [Turn("a", "b")], "c")
    fitted = await fit(conversation, info=window(4096), max_tokens=512, count=never_asked)
    assert fitted == Fitted(conversation.messages(), 0, 512)


async def test_a_conversation_that_fits_as_it_is_is_counted_once():
    asked = []

    async def count(messages: Sequence[Message]) -> int | None:
        asked.append(len(messages))
        return 100

    turns = [Turn(words(500), words(500))] * 4
    await fit(Conversation("", turns, "q"), info=window(4096), max_tokens=512, count=count)
    assert asked == [9]


async def test_finding_the_cut_of_a_thousand_turns_asks_the_server_a_dozen_times():
    asked = []

    async def count(messages: Sequence[Message]) -> int | None:
        asked.append(len(messages))
        return await count_words(messages)

    turns = [Turn(words(20), words(20))] * 1000
    fitted = await fit(Conversation("", turns, "q"), info=window(1000), max_tokens=100, count=count)
    assert 0 < fitted.dropped_turns < 1000
    assert len(asked) <= 13


async def test_a_server_that_cannot_count_is_estimated_for():
    turns = [Turn(words(100), words(100))] * 20
    fitted = await fit(Conversation("", turns, "question"), info=window(1000), max_tokens=200, count=cannot_count)
    assert 0 < fitted.dropped_turns < 20
    assert estimate(fitted.messages) <= 800


async def test_a_model_without_known_limits_is_sent_everything():
    conversation = Conversation("", [Turn(words(5000), words(5000))], "question")
    fitted = await fit(conversation, info=ModelInfo(), max_tokens=77, count=never_asked)
    assert fitted == Fitted(conversation.messages(), 0, 77)


async def test_a_question_that_is_too_long_alone_is_refused_with_the_numbers():
    with pytest.raises(QueryTooLong) as refused:
        await fit(
            Conversation("", [Turn("a", "b")], words(900)),
            info=window(1000),
            max_tokens=512,
            count=count_words,
        )
    assert (refused.value.tokens, refused.value.limit) == (904, 750)


async def test_an_answer_is_shortened_to_what_the_window_leaves():
    fitted = await fit(Conversation("", [], words(600)), info=window(1000), max_tokens=512, count=count_words)
    assert fitted.max_tokens == 1000 - 604


def test_a_begun_answer_is_the_last_message():
    messages = Conversation("System", [Turn("a", "b")], "c", "Begun").messages()
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user", "assistant"]
    assert messages[-1]["content"] == "Begun"


async def test_a_begun_answer_goes_on_in_the_room_that_was_kept_for_it():
    begun = Conversation("", [], words(60), continued=words(25))
    fitted = await fit(begun, info=window(100), max_tokens=50, count=count_words)
    length = await count_words(begun.messages()) or 0
    assert length > 75, "it has used up some of the room"
    assert (fitted.messages, fitted.max_tokens) == (begun.messages(), 100 - length)
    with pytest.raises(QueryTooLong):
        await fit(Conversation("", [], words(85)), info=window(100), max_tokens=50, count=count_words)
