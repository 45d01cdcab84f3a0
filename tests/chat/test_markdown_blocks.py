"""However an answer is cut, its blocks are the same; at its end it is what comrak makes of it whole."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chat.markdown import AnswerStream, Block, joined, pipeline, render
from chat.markdown.references import References
from tests.chat.markdown_samples import BLOCKS, INLINES, SAMPLES

# What is used above its definition stands as it was written until the answer is finished.
FORWARD = {
    "A word[^note].\n\n[^note]: Defined later.\n": "A word[^note].",
    "Use [ref].\n\n[ref]: http://example.com\n": "Use [ref].",
    "Use [text][ref].\n\n> [ref]: http://example.com\n": "Use [text][ref].",
    "| a |\n|-|\n| [x\\|y] |\n\n[x|y]: http://example.com\n": "[x|y]",
    "> [two\n> lines]\n\n[two lines]: http://example.com 'a\n  title'\n": "[two\nlines]",
    "- [y][ẞ]\n\nz\n\n[SS]: http://example.com\n": "[y][ẞ]",
    "![x] <http://y.example>\n\n[x]: http://example.com/x.png\n": "![x]",
    "# [^N]\n\n> - [^n]: x [y]\n\n[y]: mailto:a@b.example\n": "[^N]",
    "[a] [b]\n\n[b]: http://b.example\n\n[a]: http://a.example\n\n[b]: http://c.example\n": "[a] [b]",
    "Use [two lines].\n\n> [two\n> lines]: http://example.com\n": "[two lines]",
    "Use [a].\n\n[a]: http://example.com 'one\n    # two'\n": "[a]",
    "[a][^x y]\n\n[^x y]: http://a.example\n": "[a][^x y]",
}


def stream(pieces: list[str], *, start: int = 0) -> list[Block]:
    answer = AnswerStream(start=start)
    blocks = [block for piece in pieces for block in answer.feed(piece)]
    return blocks + answer.finish()


def finished(pieces: list[str]) -> str:
    """The answer's HTML when all of it has come."""
    answer = AnswerStream()
    blocks = [block for piece in pieces for block in answer.feed(piece)] + answer.finish()
    return joined(blocks, answer.revised())


def whole(text: str) -> str:
    """What comrak makes of all of `text` at once, made safe the same way."""
    return pipeline.to_html(text, References(), prefix="", is_final=True)


def comparable(html: str) -> str:
    """`html` without what may differ: white space between elements, and where raw HTML is divided."""
    html = re.sub(r'</p>\s*<p class="raw-html" dir="auto">', "\n", html)
    return re.sub(r"\s*(<[^>]*>)\s*", r"\1", " ".join(html.split()))


def cut(text: str, places: list[int]) -> list[str]:
    places = sorted({place % (len(text) + 1) for place in places})
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


lines = st.builds(
    str.__add__,
    st.sampled_from(["", "", "", " ", "  ", "    ", "> ", "- ", "\t"]),
    st.sampled_from([line for sample in SAMPLES for line in sample.splitlines(keepends=True)]),
)
composed = st.builds(
    lambda parts, glue: glue.join(parts),
    st.lists(st.sampled_from(SAMPLES), min_size=2, max_size=4),
    st.sampled_from(["", "\n", "\n\n", "\r\n\r\n"]),
)
noise = st.text(alphabet=" \t\n\r`~#>-*+=_[]()^:|$\\<!&;1.ax\0\u2028é", max_size=60)
documents = st.one_of(st.sampled_from(SAMPLES), composed, st.lists(lines, max_size=12).map("".join), noise)
cuts = st.lists(st.integers(min_value=0), max_size=30)


@pytest.mark.parametrize("text", SAMPLES)
def test_cut_anywhere_the_blocks_are_those_of_the_whole(text):
    expected = stream([text])
    assert stream(list(text)) == expected
    for place in range(1, min(len(text), 400)):
        assert stream([text[:place], text[place:]]) == expected
    assert finished(list(text)) == render(text)


@settings(max_examples=300, deadline=None)
@given(documents, cuts)
@example("a\r\nb\r\n\r\nc", [2, 6])
@example("- a\n\n  b\n", [4, 5])
def test_random_documents_cut_at_random(text, places):
    pieces = cut(text, places)
    assert finished(pieces) == render(text)
    blocks = stream(pieces)
    ends = [block.end for block in blocks]
    assert [block.start for block in blocks] == [0, *ends][: len(blocks)]
    assert (ends or [0])[-1] == len(text)


@settings(max_examples=300, deadline=None)
@given(documents)
def test_from_any_block_on_exactly_the_remaining_blocks_come(text):
    blocks = stream([text])
    for number, block in enumerate(blocks, start=1):
        assert stream([text], start=block.end) == blocks[number:]


def test_what_blocks_may_be_given_is_the_same_from_any_block_on():
    """There is a bound on it, which counts the blocks that nobody wants as well."""
    text = f"[a]: http://example.com/{'y' * 20_000}\n\n" + "[a]\n\n" * 30
    blocks = stream([text])
    assert "<a" in blocks[1].html
    assert "<a" not in blocks[-1].html
    for number, block in enumerate(blocks, start=1):
        assert stream([text], start=block.end) == blocks[number:]


@settings(max_examples=300, deadline=None)
@given(documents, cuts)
def test_a_tail_is_rendered_at_every_moment_and_empty_at_the_end(text, places):
    answer = AnswerStream()
    for piece in cut(text, places):
        before = answer.end
        blocks = answer.feed(piece)
        assert answer.end == (blocks[-1].end if blocks else before)
        assert "<script" not in answer.tail_html()
    answer.finish()
    assert answer.tail_html() == ""
    assert answer.end == answer.length == len(text)


@pytest.mark.parametrize("text", SAMPLES)
def test_joined_blocks_are_the_whole_document(text):
    assert comparable(render(text)) == comparable(whole(text))


@settings(max_examples=500, deadline=None)
@given(documents)
def test_joined_blocks_of_random_documents_are_the_whole_document(text):
    assert comparable(render(text)) == comparable(whole(text))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(INLINES + BLOCKS), max_size=4),
    st.lists(
        st.sampled_from(["[a]", "[b][]", "- [x][c]", "> [A]", "| [b] |\n|-|\n| [c] |", "![c]"]),
        max_size=6,
        unique=True,
    ),
)
def test_definitions_reach_every_later_block(before, uses):
    definitions = '[a]: http://example.com/a\n[B]: <http://example.com/?x=1&y> "t"\n\n> [c]: https://example.com/c\n'
    text = "\n\n".join([definitions, *uses, *before])
    assert comparable(render(text)) == comparable(whole(text))


@pytest.mark.parametrize(("text", "shown"), FORWARD.items())
def test_what_is_defined_further_down_is_known_when_the_answer_is_finished(text, shown):
    assert any(shown in block.html for block in stream([text]))
    assert shown not in render(text)
    assert comparable(render(text)) == comparable(whole(text))


def test_a_long_address_may_be_used_often_in_a_block():
    text = f"[a]: http://example.com/{'y' * 1_000}\n\n" + "[a] " * 50
    assert render(text).count("<a") == 50


def test_more_references_than_can_be_shown_stay_as_they_were_sent():
    text = "[^a]" * 15_000 + "\n\n[^a]: x\n"
    assert render(text).startswith('<p dir="auto">[^a][^a]')


def test_blocks_come_as_soon_as_nothing_can_change_them():
    answer = AnswerStream()
    assert answer.feed("# Title\n\nSome *text") == [Block(0, 9, render("# Title\n\n"))]
    assert [block.end for block in answer.feed("*.\n\n```py\nx = 1\n")] == [23]
    assert [block.end for block in answer.feed("\n```\n")] == [40]
    assert answer.feed("- a\n\n- b\n") == []
    assert answer.feed("\n  c\n\n") == []
    assert [block.start for block in answer.feed("After the list.\n")] == [40]
    assert answer.end == answer.length - len("After the list.\n")


@pytest.mark.parametrize("opener", ["- a\n\n", "> a\n\n", "1. a\n\n", "    a\n\n", "[^1]: a\n\n", "a\n\n", "<b>\n\n"])
def test_a_paragraph_at_the_margin_ends_what_came_before(opener):
    answer = AnswerStream()
    blocks = answer.feed(opener + "text\n")
    assert [block.end for block in blocks] == [len(opener)]


@pytest.mark.parametrize("length", range(1, 30))
def test_a_loose_list_of_any_length_ends_with_the_next_paragraph(length):
    items = "- item\n\n" * length
    assert [block.end for block in AnswerStream().feed(items + "text\n")] == [len(items)]
