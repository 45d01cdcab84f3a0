"""Every example of CommonMark's and GitHub's specifications: what it stands for, in blocks, and however it is cut."""

from __future__ import annotations

import html
import sys
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.markdown import engine, render
from launcher.pip import InstallError
from tests.chat.test_markdown_blocks import comparable, cut, finished, whole
from tests.support import specifications
from tests.support.specifications import Example, examples

Name = Literal["commonmark", "gfm"]
SPECIFICATIONS: dict[Name, list[Example]] = {"commonmark": examples("commonmark"), "gfm": examples("gfm")}
TEXTS = list(dict.fromkeys(example.text for found in SPECIFICATIONS.values() for example in found))
SHORT = 30  # at most so many characters are cut at every two places, longer texts at every one
PARTS = 8  # so that they can be told apart, and run beside each other

# Numbers of the examples that mean something else here, and why.
OTHERWISE: dict[Name, dict[str, set[int]]] = {
    "commonmark": {
        "\\[ and \\( begin formulas, as models write them": {12},
        "addresses become links without angle brackets, as GitHub has it": {602, 608, 611, 612},
    },
    "gfm": {
        "\\[ and \\( begin formulas, as models write them": {308},
        "the specification's autolinks come only in its later chapter": {610, 616, 619, 620},
        "task lists have classes": {279, 280},
        "strong text in strong text is one element in GitHub's, two in CommonMark since": {
            *(398, 426, 434, 435, 436, 473, 474, 475, 477)
        },
    },
}
# The one thing in which an answer in blocks is not the same text as a whole: raw HTML is shown as text, and the white
# space between two pieces of it, and which paragraph of ours they are in, is not Markdown's business. `comparable` does
# not look at it.


def plain(markup: str) -> str:
    """The same for raw HTML and for its text."""
    return html.unescape(html.unescape(markup))


def test_there_are_all_the_examples():
    assert {name: len(found) for name, found in SPECIFICATIONS.items()} == {"commonmark": 652, "gfm": 672}
    assert len(TEXTS) > 690
    assert SPECIFICATIONS["commonmark"][0].text == "\tfoo\tbaz\t\tbim\n"


def test_examples_that_are_missing_or_damaged_are_not_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(specifications, "FOLDER", tmp_path)
    with pytest.raises(InstallError, match="`make test` fetches it"):
        examples("gfm")
    for source in Path(sys.prefix, "specifications").glob("*.tar.gz"):
        (tmp_path / source.name).write_bytes(source.read_bytes()[:-1])
    assert [*tmp_path.iterdir()]
    with pytest.raises(InstallError, match="damaged"):
        examples("gfm")


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_an_example_is_what_the_specification_says_with_raw_html_as_text(name: Name):
    differing = {one.number for one in SPECIFICATIONS[name] if plain(engine.to_html(one.text)) != plain(one.html)}
    assert differing == set().union(*OTHERWISE[name].values())


def test_an_example_in_blocks_is_what_it_is_as_a_whole():
    assert [text for text in TEXTS if comparable(render(text)) != comparable(whole(text))] == []


@pytest.mark.parametrize("part", range(PARTS))
def test_cut_at_every_place_an_example_ends_the_same(part: int):
    for text in TEXTS[part::PARTS]:
        expected = render(text)
        assert finished(list(text)) == expected
        assert finished(text.splitlines(keepends=True)) == expected
        for first, second in combinations_with_replacement(range(1, len(text)), 2):
            if first == second or len(text) <= SHORT:
                assert finished([text[:first], text[first:second], text[second:]]) == expected, (first, second)


documents = st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4).map("\n".join)


@settings(max_examples=400, deadline=None)
@given(documents, st.lists(st.integers(min_value=0), max_size=30))
def test_examples_put_together_and_cut_at_random_end_as_one_pass_over_the_whole(text: str, places: list[int]):
    assert finished(cut(text, places)) == render(text)
    assert comparable(render(text)) == comparable(whole(text))
