"""However an answer is cut, its end is what rendering it at once gives: for what every section of the two
specifications varies."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.markdown import render
from tests.chat.markdown_specification import SECTIONS
from tests.chat.test_markdown_blocks import comparable, cut, finished, whole

every_section = pytest.mark.parametrize("section", SECTIONS)
examples = st.sampled_from([example for section in SECTIONS.values() for example in section()])
# In items and quotes, and with every kind of line end.
wrapped = st.builds(
    lambda text, first, rest, end: end.join(
        (first if number == 0 else rest) + line for number, line in enumerate(text.split("\n"))
    ),
    examples,
    st.sampled_from(["", "- ", "> ", "1. ", "  "]),
    st.sampled_from(["", "  ", "> ", "   "]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
documents = st.lists(st.one_of(examples, wrapped), min_size=1, max_size=5).map("\n".join)


def cuts_of(text: str) -> list[list[str]]:
    """Character by character, line by line, and in two: a short text at every place, a long one at every third."""
    halves = [[text[:place], text[place:]] for place in range(1, len(text), 1 if len(text) < 50 else 3)]
    return [list(text), text.splitlines(keepends=True), *halves]


@every_section
def test_cut_at_every_place_an_example_ends_the_same(section: str):
    for text in SECTIONS[section]():
        expected = render(text)
        for pieces in cuts_of(text):
            assert finished(pieces) == expected, pieces


@every_section
def test_an_example_in_blocks_is_what_it_is_as_a_whole(section: str):
    differing = [text for text in SECTIONS[section]() if comparable(render(text)) != comparable(whole(text))]
    assert differing == []


@settings(max_examples=300, deadline=None)
@given(documents, st.lists(st.integers(min_value=0), max_size=30))
def test_examples_put_together_and_cut_at_random_end_the_same(text: str, places: list[int]):
    assert finished(cut(text, places)) == render(text)


@settings(max_examples=200, deadline=None)
@given(documents)
def test_examples_put_together_are_in_blocks_what_they_are_as_a_whole(text: str):
    assert comparable(render(text)) == comparable(whole(text))


def test_there_are_more_examples_than_the_specifications_have():
    assert sum(1 for section in SECTIONS.values() for _ in section()) > 700
