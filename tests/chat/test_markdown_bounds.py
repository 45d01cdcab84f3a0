"""Hostile and huge answers cost a bounded processor time, and long ones a time linear in their length."""

import time

import pytest
from pygments.lexers import find_lexer_class

from chat.markdown import AnswerStream, render
from chat.markdown.codeblocks import LANGUAGES

SECONDS = 5  # ten times what the slowest of these takes; without its bound one takes 30

HOSTILE = {
    "quotes": ">" * 60_000,
    "quotes and lists": "> - " * 10_000 + "x",
    "bullets": "+ " * 10_000 + "x",
    "numbers": "1. " * 10_000 + "x",
    "lazy quote": "> " * 10_000 + "a\n" + "b\n" * 1_000,
    "brackets": "[" * 60_000,
    "links": "[a](" * 15_000,
    "images": "![" * 30_000,
    "half links": "[a](<b" * 10_000,
    "emphasis": "*a **a " * 8_000,
    "underscores": "_" * 60_000 + "a",
    "backticks": "".join("e" + "`" * n for n in range(340)),
    "nested lists": "".join("  " * n + "- a\n" for n in range(240)),
    "wide table": "|a" * 3_000 + "|\n" + "|-" * 3_000 + "|\n" + "|x\n" * 3_000,
    "tall table": "|a|b|\n|-|-|\n" + "|x\n" * 20_000,
    "half maths": "\\(" * 30_000,
    "dollars": "$a " * 20_000,
    "formulas": "$a^2$ " * 10_000,
    "other formulas": "".join(f"$x_{{{n}}}^2$ " for n in range(5_000)),
    "one formula": "$" + "a^{" * 15_000 + "$",
    "definitions": "[a]: b\n\n" * 3_000,
    "labels": "".join(f"[a{n}]: http://example.com\n\n" for n in range(2_000)),
    "uses": "[a]: http://example.com/\n\n" + "[a] b\n\n" * 3_000,
    "late uses": "[a] b\n\n" * 5_000 + "[a]: http://example.com/\n",
    "late uses of many": "".join(f"[a{n}]\n\n" for n in range(2_000))
    + "".join(f"[a{n}]: http://e.example\n\n" for n in range(2_000)),
    "late long address": "[a] b\n\n" * 5_000 + f"[a]: http://e.example/{'y' * 20_000}\n",
    "long address": f"[a]: http://e.example/{'y' * 20_000}\n\n" + "[a] b\n\n" * 5_000,
    "many at once": "".join(f"[a{n}]: http://e.example\n" for n in range(1_500)),
    "the same blurred": "".join(
        "[{}a]: b\n\n".format(format(n, "b").replace("0", "\\\\").replace("1", ">")) for n in range(2_000)
    )
    + "[>a]\n\n" * 10_000,
    "late notes": "".join(f"[^a{n}] [^a{n + 1}]\n\n" for n in range(2_000))
    + "".join(f"[^a{n}]: x\n\n" for n in range(2_000)),
    "long labels": ("[" + "a" * 900 + "]:\n") * 60,
    "notes": "".join(f"[^{n}]: [^{n + 1}]\n\n" for n in range(2_000)) + "[^0]",
    "note references": "[^1]" * 15_000 + "\n\n[^1]: x",
    "comments": "<!--" * 15_000,
    "open comment": "<!--\n" + "# a\n\n" * 10_000,
    "notes in one block": "[^1]" * 15_000 + "\n[^1]: x",
    "addresses": "www." * 10_000 + " http://" * 5_000,
    "blank items": "- a\n\n" * 10_000,
    "fences": "```\na\n```\n" * 6_000,
    "open fences in items": "- a\n\n  ```\n\nx\n\n" * 3_000,
    "open fence": "```py\n" + "x = (1)\n\n" * 30_000,
    "lines": "a b\n" * 100_000,
    "one line": "word " * 100_000,
    "carriage returns": "a\r" * 30_000,
    "blanks": "\n" * 100_000,
    "spaces": " " * 100_000,
    "tabs": "\t" * 60_000,
    "nulls": "\0" * 60_000,
    "surrogates": "\ud800" * 60_000,
}


def feed(text: str, size: int = 4, every: int = 16) -> tuple[int, float]:
    """The HTML's length, and the seconds that it took with a tail rendered every `every` pieces of `size`."""
    began = time.process_time()
    answer = AnswerStream()
    blocks: dict[int, int] = {}
    for number, place in enumerate(range(0, len(text), size)):
        for block in answer.feed(text[place : place + size]):
            blocks[block.start] = len(block.html)
        if number % every == 0:
            answer.tail_html()
    for block in answer.finish():
        blocks[block.start] = len(block.html)
    blocks |= {start: len(html) for start, html in answer.revised().items()}
    return sum(blocks.values()), time.process_time() - began


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_takes_a_bounded_time_and_space(text):
    began = time.process_time()
    html = render(text)
    assert time.process_time() - began < SECONDS
    assert len(html) < 40 * len(text) + 100_000
    length, seconds = feed(text, size=64, every=256)
    assert length == len(html)
    assert seconds < 2 * SECONDS


SNIPPETS = [
    "a\n", "é\n", "a ", "$\n", "@a\n", "(", "{", "[", "a<", "a[", "a.", "<", '"', "'", "\\\n", "/*\n", "<?",
    "<!--", "<<EOF\n", "#\n", "=\n", "0x\n", "1_", "a" * 40 + "\n", "-", "public static ",
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_no_lexer_runs_away_on_hostile_code(name):
    lexer = find_lexer_class(name)
    assert lexer is not None
    for snippet in SNIPPETS:
        line = snippet if snippet.endswith("\n") else snippet * (490 // len(snippet)) + "\n"
        code = line * (6_000 // len(line))
        began = time.process_time()
        render(f"~~~~~~{lexer.aliases[0]}\n{code}\n~~~~~~\n")
        assert time.process_time() - began < SECONDS / 2, snippet


PARAGRAPH = "Some **bold** text with a [link](http://example.com), `code` and *more*, as models write it.\n\n"
SECTION = f"## Heading\n\n{PARAGRAPH * 4}- one\n- two\n- three\n\n```python\nx = [1, 2]\nprint(x)\n```\n\n"


def test_the_time_for_an_answer_grows_no_faster_than_its_length():
    short, long = SECTION * 20, SECTION * 160
    feed(short)
    seconds = min(feed(short)[1] for _ in range(3))
    assert feed(long)[1] < 8 * seconds * 3


def test_the_time_for_one_long_code_block_grows_no_faster_than_its_length():
    def fence(lines: int) -> str:
        return "```py\n" + "value = compute(1)\n\n" * lines + "```\n"

    every = 10**9  # no tails: finished lines alone must not be looked at again
    seconds = min(feed(fence(500), every=every)[1] for _ in range(3))
    assert feed(fence(4_000), every=every)[1] < 8 * max(seconds, 0.01) * 3
