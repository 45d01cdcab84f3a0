"""A chat's title out of its first question."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.models import TITLE_MAX_LENGTH
from chat.titles import TITLE_LENGTH, title_from

FAMILY = "👩‍👩‍👧‍👦"


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("What is new?", "What is new?"),
        ("\n\n  What is new?  \nmore", "What is new?"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("~~~\nls -l\n~~~", "ls -l"),
        ("```", "```"),
        ("---\ntitle: x\n---", "title: x"),
        ("# A heading", "A heading"),
        ("> - quoted", "quoted"),
        ("1. first\n2. second", "first"),
        ("#hashtag", "#hashtag"),
        ("-5 + 3 = ?", "-5 + 3 = ?"),
        ("🎉", "🎉"),
        ("??", "??"),
        ("🎉\nLet us celebrate", "Let us celebrate"),
        ("# ", "#"),
        ("\u200b\u200b\nvisible", "visible"),
        ("\u200b \ufeff", ""),
        ("\u200d", ""),
        ("\u202egnp.exe", "gnp.exe"),
        ("كيف حالك؟", "كيف حالك؟"),
        ("می‌خواهم", "می‌خواهم"),
        ("今天天气怎么样?", "今天天气怎么样?"),
        ("word " * 30, "word word word word word word word word word word word word…"),
        ("x" * 100, "x" * TITLE_LENGTH + "…"),
        ("天" * 100, "天" * TITLE_LENGTH + "…"),
        ("", ""),
        (" \n\t ", ""),
    ],
)
def test_a_title_is_the_first_line_that_says_something(query: str, title: str):
    assert title_from(query) == title


def test_a_character_of_many_parts_is_not_cut():
    cut = title_from(FAMILY * 20).removesuffix("…")
    assert cut
    assert cut == FAMILY * (len(cut) // len(FAMILY))
    assert title_from("e\u0301" * 100) == "e\u0301" * (TITLE_LENGTH // 2) + "…"
    assert title_from("x" + "e\u0301" * 100) == "x" + "e\u0301" * (TITLE_LENGTH // 2 - 1) + "…"
    assert title_from("👍🏽" * 50) == "👍🏽" * (TITLE_LENGTH // 2) + "…"


@given(st.text(max_size=300))
def test_every_title_is_one_line_that_fits_and_turns_nothing_around(query: str):
    title = title_from(query)
    assert len(title) <= TITLE_LENGTH + 1 <= TITLE_MAX_LENGTH
    assert len(title.splitlines()) <= 1
    assert title == title.strip()
    assert not [one for one in title if unicodedata.category(one) == "Cc"]
    assert not {unicodedata.bidirectional(one) for one in title} & {"RLO", "LRO", "RLE", "LRE", "RLI", "LRI"}
