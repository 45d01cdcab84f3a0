"""What files say, and that whatever they are made of has a sentence for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.models import QUERY_MAX_LENGTH
from chat.transfer import chats, reading, tree
from chat.transfer.chats import Chat, Interaction
from chat.transfer.reading import Found, NotAnExport, chats_in
from tests.chat.transfer.samples import BEGUN, archive, chatgpt, file_of, node, older_openwebui, openwebui, parley

LIMIT = 1_000_000


def read(data: bytes | list[Any], *, limit: int = LIMIT) -> list[Found]:
    return list(chats_in(data if isinstance(data, bytes) else json.dumps(data).encode(), limit=limit))


def only(data: bytes | list[Any]) -> Chat:
    [found] = read(data)
    assert found.chat is not None, str(found.reason)
    return found.chat


def reason(data: bytes | list[Any]) -> str:
    [found] = read(data)
    assert found.chat is None
    return str(found.reason)


def refusal(data: bytes, *, limit: int = LIMIT) -> str:
    with pytest.raises(NotAnExport) as refused:
        read(data, limit=limit)
    return str(refused.value.reason)


def told(chat: Chat) -> dict[tuple[str, str], Interaction]:
    """Interactions by question and answer."""
    return {(one.query_text, one.final_response_text): one for one in chat.interactions}


# ChatGPT


def test_chatgpts_tree_becomes_questions_with_their_answers():
    chat = only([chatgpt()])
    found = told(chat)
    first, again = found["How do apples grow?", "On trees."], found["How do apples grow?", "Slowly."]
    last = found["[image]\n\nWhat is this?", "I see.\n\nA pear."]
    assert len(found) == 3
    assert (first.parent, again.parent, last.parent) == (None, None, first.id)
    assert (chat.title, chat.created) == ("Apples", datetime.fromtimestamp(BEGUN + 0.25, UTC))
    assert (first.model_id, first.status, last.status) == ("gpt-4o", "complete", "stopped")
    assert chat.interactions[-1] is last, "what was shown there is the newest here"
    [found_chat] = read([chatgpt()])
    assert found_chat.skipped == 3  # the hidden message, the call of a tool, its answer


def test_chatgpts_archive_is_read_as_its_file_is():
    packed = archive({"user.json": b"{}", "conversations.json": json.dumps([chatgpt(), chatgpt()]).encode()})
    assert [one.title for one in read(packed)] == ["Apples", "Apples"]
    parts = {f"export/conversations-00{n}.json": json.dumps([chatgpt()]).encode() for n in range(3)}
    assert len(read(archive(parts))) == 3


def test_a_visible_system_message_is_the_system_prompt():
    nodes = [node("s", None, "system", "Be kind."), node("q", "s", "user", "Hi"), node("a", "q", "assistant", "Ho")]
    chat = only([chatgpt(mapping={one["id"]: one for one in nodes}, current_node="a")])
    assert (chat.system_prompt, list(told(chat))) == ("Be kind.", [("Hi", "Ho")])


def test_an_answer_before_any_question_and_questions_without_answers_are_kept():
    nodes = [
        node("a", None, "assistant", "Welcome."),
        node("q1", "a", "user", "One"),
        node("q2", "q1", "user", "Two"),
    ]
    found = only([chatgpt(mapping={one["id"]: one for one in nodes})]).interactions
    assert [(one.query_text, one.final_response_text, one.status) for one in found] == [
        ("…", "Welcome.", "complete"),
        ("One", "", "stopped"),
        ("Two", "", "stopped"),
    ]
    assert [one.parent for one in found] == [None, found[0].id, found[1].id]


def test_nodes_in_a_circle_and_without_a_parent_do_no_harm():
    nodes = [
        node("a", "b", "user", "lost"),
        node("b", "a", "assistant", "lost, too"),
        node("c", "nowhere", "user", "Hi"),
    ]
    assert list(told(only([chatgpt(mapping={one["id"]: one for one in nodes})]))) == [("Hi", "")]


def test_ways_that_share_a_long_beginning_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tree, "MOST_CHARACTERS", 10_000)
    nodes = [node("0", None, "user", "x")]
    for n in range(1, 200):
        nodes += [node(str(n), str(n - 1), "assistant", "word"), node(f"end{n}", str(n - 1), "assistant", "end")]
    assert reason([chatgpt(mapping={one["id"]: one for one in nodes})]) == str(chats.TOO_LONG)


# Open WebUI


def test_open_webuis_tree_with_models_ratings_files_and_parameters():
    chat = only([openwebui()])
    found = told(chat)
    first, last = found["Pears?", "Yes."], found["And this?\n\n[pear.pdf]", ""]
    assert (first.model_id, first.rating, first.rating_comment) == ("llama3.2:3b", 1, "Good.")
    assert (last.parent, last.status) == (first.id, "stopped")
    assert ("Pears?", "No.") in found
    assert chat.interactions[-1] is last
    assert (chat.system_prompt, chat.parameters, chat.pinned) == ("Be brief.", {"temperature": 0.5}, True)
    assert last.created == datetime.fromtimestamp(BEGUN + 3, UTC)


def test_open_webuis_older_list_of_messages_and_a_chat_alone():
    chat = only([older_openwebui()])
    assert (chat.system_prompt, list(told(chat))) == ("Be kind.", [("One?", "Two."), ("Three?", "")])
    assert [one.parent for one in chat.interactions] == [None, chat.interactions[0].id]
    assert chat.created == datetime.fromtimestamp(BEGUN, UTC)
    alone = openwebui()["chat"]
    assert len(only(json.dumps(alone).encode()).interactions) == 3


# Broken ones


def damaged(packed: bytes) -> bytes:
    """What is packed is nothing that can be unpacked; all around it is as it was."""
    start = packed.index(b"conversations.json") + len("conversations.json")
    return packed[:start] + b"\xff" * 4 + packed[start + 4 :]


def locked(packed: bytes) -> bytes:
    """Both heads of the file say that there is a password."""
    for head, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = packed.index(head) + flags
        packed = packed[:place] + b"\x01" + packed[place + 1 :]
    return packed


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"title": "a\0b"}, chats.NUL),
        ({"title": "x" * 201}, chats.TOO_LONG),
        ({"interactions": [{"id": "1", "query_text": "x" * (QUERY_MAX_LENGTH + 1)}]}, chats.TOO_LONG),
        ({"interactions": [{"id": "1", "query_text": "x\0"}]}, chats.NUL),
        ({"interactions": [{"id": "1", "query_text": "x", "parent": "2"}]}, chats.BROKEN),
        ({"interactions": [{"id": "1", "query_text": "x", "parent": "1"}]}, chats.BROKEN),
        ({"interactions": [{"id": "1", "query_text": "x"}, {"id": "1", "query_text": "y"}]}, chats.BROKEN),
        ({"interactions": [{"id": "1"}]}, chats.BROKEN),
        ({"interactions": [{"id": "1", "query_text": "x", "status": "unheard of"}]}, chats.BROKEN),
        ({"interactions": [{"id": "1", "query_text": "x", "seed": 2**63}]}, chats.BROKEN),
        ({"interactions": [{"id": "1", "query_text": "x", "rating": 5}]}, chats.BROKEN),
        ({"interactions": 5}, chats.BROKEN),
        ({"created": "yesterday"}, chats.BROKEN),
        ({"created": "2020-01-01T00:00:00"}, chats.BROKEN),
        ({"created": "0001-01-01T00:00:00+14:00"}, chats.BROKEN),
        ({"parameters": {"temperature": 99}}, chats.BAD_PARAMETERS),
        ({"parameters": {"unheard": 1}}, chats.BAD_PARAMETERS),
        ({"interactions": [{"id": str(n), "query_text": ""} for n in range(20_001)]}, chats.TOO_MANY),
    ],
)
def test_a_chat_that_cannot_be_kept_says_why_and_the_others_are_read(changed: dict[str, Any], why: object):
    broken, whole = read(file_of(parley(**changed), parley()), limit=10_000_000)
    assert (broken.chat, str(broken.reason)) == (None, str(why))
    assert whole.chat is not None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", reading.NO_JSON),
        (b"# A chat in Markdown", reading.NO_JSON),
        (b"\xff\xfe\xff", reading.NO_JSON),
        (b"[" * 100_000, reading.NO_JSON),
        (b'[{"mapping": ', reading.NO_JSON),
        (b"[]", reading.UNKNOWN),
        (b'[1, null, "x", {}]', reading.UNKNOWN),
        (b'{"format": "other", "sessions": []}', reading.UNKNOWN),
        (file_of(version=2), reading.NEWER),
        (b"PK\x03\x04 no archive", reading.NO_ARCHIVE),
        (damaged(archive({"conversations.json": b"[]" * 100})), reading.NO_ARCHIVE),
        (locked(archive({"conversations.json": b"[]"})), reading.NO_ARCHIVE),
        (archive({"chat.html": b"x"}), reading.NOTHING_INSIDE),
        (archive({"conversations.json": b"x"}), reading.NO_JSON),
        (archive({"conversations.json": b" " * (LIMIT + 1)}), reading.TOO_LARGE),
        (archive({f"conversations-{n}.json": b" " * (LIMIT // 2) for n in range(3)}), reading.TOO_LARGE),
        (archive({"conversations.json": b"[]"}) + b"PK\x01\x02" * 10_001, reading.TOO_LARGE),
    ],
)
def test_a_file_without_chats_says_what_to_do(data: bytes, why: object):
    assert refusal(data) == str(why)


def test_half_an_emoji_marks_of_encodings_and_unknown_entries_do_no_harm():
    text = json.dumps([chatgpt(title="half \ud83d an emoji \U0001f600 and \\ud83d")])
    assert only(text.encode()).title == "half \ufffd an emoji \U0001f600 and \\ud83d"
    whole = json.dumps([openwebui(title="Birnen für")], ensure_ascii=False)
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert only(whole.encode(encoding)).title == "Birnen für"
    found = read([chatgpt(), {"mapping": 5}, 7])
    assert [one.chat is not None for one in found] == [True, False, False]


SAMPLES = [
    *(json.dumps([one]).encode() for one in (chatgpt(), openwebui(), older_openwebui())),
    file_of(parley()),
    archive({"conversations.json": json.dumps([chatgpt()]).encode()}),
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SAMPLES), st.lists(st.tuples(st.integers(0), st.integers(0, 30), st.binary(max_size=8))))
def test_whatever_is_changed_in_a_file_it_is_read_or_refused(sample: bytes, changes: list[tuple[int, int, bytes]]):
    for place, length, put in changes:
        start = place % (len(sample) + 1)
        sample = sample[:start] + put + sample[start + length :]
    try:
        assert all(one.chat is not None or str(one.reason) for one in chats_in(sample, limit=LIMIT))
    except NotAnExport as refused:
        assert str(refused.reason)  # noqa: PT017 - one or the other


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(found for key, one in inside for found in places(one, (*here, key)))]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_stands_in_place_of_a_value_the_file_is_read_or_refused(data: st.DataObject):
    sample: Any = {"": [data.draw(st.sampled_from([chatgpt, openwebui, older_openwebui]))()]}
    where = data.draw(st.sampled_from(places(sample)[1:]))
    inside = sample
    for key in where[:-1]:
        inside = inside[key]
    inside[where[-1]] = data.draw(ANYTHING)
    try:
        read(json.dumps(sample[""]).encode())
    except NotAnExport as refused:
        assert str(refused.reason)  # noqa: PT017 - one or the other
