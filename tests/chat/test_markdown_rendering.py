"""What each construct looks like in the page."""

from html import escape

import comrak
import pygments
import pytest
from pygments.lexers import find_lexer_class

from chat.markdown import AnswerStream, render
from chat.markdown.codeblocks import LANGUAGES
from tests.chat.markdown_samples import SAMPLES

TIP = 'class="alert alert-tip" role="note" dir="auto"'
REL = 'rel="noopener noreferrer nofollow"'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A\n## B\n##### E\n", '<h3 dir="auto">A</h3>\n<h4 dir="auto">B</h4>\n<h6 dir="auto">E</h6>\n'),
        ("a  \nb\n", '<p dir="auto">a<br>\nb</p>\n'),
        ("- a\n  - b\n", '<ul dir="auto">\n<li>a\n<ul>\n<li>b</li>\n</ul>\n</li>\n</ul>\n'),
        ("3. a\n", '<ol start="3" dir="auto">\n<li>a</li>\n</ol>\n'),
        ("> a\n", '<blockquote dir="auto">\n<p>a</p>\n</blockquote>\n'),
        ("~~a~~ `<b>`\n", '<p dir="auto"><del>a</del> <code>&lt;b&gt;</code></p>\n'),
        ("a<BR />b `<br>`\n", '<p dir="auto">a<br>b <code>&lt;br&gt;</code></p>\n'),
        ("a <b>c</b>\n", '<p dir="auto">a &lt;b&gt;c&lt;/b&gt;</p>\n'),
        ("<div>\n*a*\n</div>\n", '<p class="raw-html" dir="auto">&lt;div&gt;\n*a*\n&lt;/div&gt;</p>\n'),
        ("> [!TIP]\n> ---\n", f'<div {TIP}>\n<p class="alert-title">Tip</p>\n<hr>\n</div>\n'),
        ("a\0b\x07c\n", '<p dir="auto">a\ufffdb\ufffdc</p>\n'),
        ("", ""),
        (" \n\n", ""),
    ],
)
def test_constructs(text, html):
    assert render(text) == html


def test_links_open_apart_and_lead_only_outside():
    assert render('[a](HTTPS://example.com "t")\n') == (
        f'<p dir="auto"><a href="HTTPS://example.com" title="t" target="_blank" {REL}>a</a></p>\n'
    )
    assert f'href="mailto:me@example.com" target="_blank" {REL}' in render("me@example.com\n")
    for address in [
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "/admin/",
        "//example.com",
        "#top",
    ]:
        assert render(f"[a]({address})\n") == '<p dir="auto">a</p>\n'


def test_images_become_links_to_them():
    link = f'<a class="image-link" href="http://example.com/a.png" target="_blank" {REL}>'
    assert render("![a *b*](http://example.com/a.png)\n") == f'<p dir="auto">{link}a b</a></p>\n'
    assert render("![](http://example.com/a.png)\n") == f'<p dir="auto">{link}image</a></p>\n'
    assert render("![a](data:image/png;base64,AA)\n") == '<p dir="auto">a</p>\n'
    assert render("[![a](http://example.com/a.png)](http://example.com)\n").count("<a ") == 1


def test_tasks_are_read_aloud_and_cannot_be_changed():
    html = render("- [ ] a\n- [x] b\n")
    assert '<li class="task"><input type="checkbox" class="task-checkbox" disabled="" aria-label="Not done"> a' in html
    assert 'disabled="" checked="" aria-label="Done"> b</li>' in html
    assert '<li class="task"><p><input ' in render("- [ ] a\n\n- [x] b\n")


def test_tables_scroll_are_named_and_align_by_class():
    html = render('| A "q" | **B** |\n|:-:|--:|\n| 1 | 2 |\n')
    assert html.startswith(
        '<div class="table-scroll" tabindex="0" role="region" aria-label="Table: A &quot;q&quot;, B"'
        ' dir="auto"><table>\n<thead>\n<tr>\n'
        '<th class="align-center">A "q"</th>\n<th class="align-right"><strong>B</strong></th>'
    )
    assert html.rstrip().endswith("</table></div>")


def test_finished_code_is_highlighted_and_live_code_is_not():
    text = '```py\nx = "<b>"\n```\n'
    assert render(text) == (
        '<div class="code" dir="ltr"><div class="code-head"><span class="code-lang">py</span></div>'
        '<pre tabindex="0"><code class="highlight"><span class="n">x</span> <span class="o">=</span> '
        '<span class="s2">"&lt;b&gt;"</span>\n</code></pre></div>\n'
    )
    answer = AnswerStream()
    answer.feed(text[:-4])
    assert '<code class="highlight">x = "&lt;b&gt;"\n' in answer.tail_html()


@pytest.mark.parametrize("language", ["", "nosuchlanguage", 'a"><b', "x" * 100])
def test_code_in_an_unknown_language_stays_plain(language):
    html = render(f"```{language}\n<b>x</b>\n```\n")
    assert '<code class="highlight">&lt;b&gt;x&lt;/b&gt;\n</code>' in html
    assert "<b>" not in html


def test_php_needs_no_opening_tag():
    assert '<span class="nv">$x</span>' in render("```php\necho $x;\n```\n")
    assert '<span class="nv">$x</span>' in render("```php\n<p><?php echo $x; ?></p>\n```\n")


def test_every_listed_language_is_known_to_pygments():
    assert [name for name in LANGUAGES if find_lexer_class(name) is None] == []


@pytest.mark.parametrize(
    ("code", "language"),
    [("x = 1\n" * 2_000, "py"), ("x" * 501, "py"), ("x" + " " * 100 + "y", "c"), ("a\n" * 31, "java")],
)
def test_code_that_could_take_long_stays_plain(code, language):
    assert '<span class="n' not in render(f"```{language}\n{code}\n```\n")
    assert '<span class="n' in render(f"```{language}\nint a = b;\n```\n")


@pytest.mark.parametrize("text", ["$x^2$", "\\(x^2\\)", "$`x^2`$"])
def test_inline_maths(text):
    assert render(text) == (
        '<p dir="auto"><span class="math math-inline"><math display="inline">'
        "<mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math></span></p>\n"
    )


@pytest.mark.parametrize("text", ["$$\nx\n$$", "\\[\nx\n\\]", "```math\nx\n```"])
def test_display_maths(text):
    assert '<span class="math math-display"><math display="block"><mrow><mi>x</mi></mrow></math></span>' in render(text)


def test_aligned_equations_are_a_table_without_numbers():
    html = render("$$\\begin{aligned}a &= b \\\\ c &= d\\end{aligned}$$")
    assert html.count("<mtr>") == 2
    assert "(1)" not in html


@pytest.mark.parametrize("latex", ["\\frac{", "\\nosuchcommand{x}", "{" * 900, "x" * 2_001, "\\left("])
def test_bad_latex_is_shown_as_its_source(latex):
    assert f'<code class="math-source">{latex}</code>' in render(f"${latex}$")


def test_latex_cannot_bring_in_elements_or_styles():
    html = render("$\\text{<img src=x>&lt;b&gt;} \\href{javascript:x}{y} \\style{color:red}{z} \\class{c}{w}$")
    assert "&lt;img" in html
    assert not any(word in html for word in ["<img", "<b>", "href", "style", 'class="c"'])


def test_money_is_not_maths():
    assert "<math" not in render("It costs $5, or $10-$20 for two (US$30), $1,000 in all.")


def test_footnotes_are_linked_by_number_within_one_answer():
    html = render("Said[^1].\n\n[^1]: By *whom*.\n", prefix="m7-")
    assert f'Said<sup class="footnote-ref"><a href="#m7-fn-1" {REL}>1</a></sup>.' in html
    assert '<div class="footnote" role="note" id="m7-fn-1" dir="auto"><span class="footnote-label">1</span>' in html


def test_what_is_not_a_footnote_is_left_alone():
    assert render("[^abc] `[^1]` [see [^1]](http://example.com)\n").count("<sup") == 0


@pytest.mark.parametrize(
    ("so_far", "shown"),
    [
        ("Text\n-", '<p dir="auto">Text</p>\n'),
        ("Text\n==", '<p dir="auto">Text</p>\n'),
        ("1. a\n2", '<ol dir="auto">\n<li>a</li>\n</ol>\n'),
        ("a `b", '<p dir="auto">a `b</p>\n'),
        ("**a", '<p dir="auto">**a</p>\n'),
        ("| a |\n|-", '<p dir="auto">| a |</p>\n'),
        ("``", ""),
    ],
)
def test_half_open_constructs_in_the_tail(so_far, shown):
    answer = AnswerStream()
    answer.feed(so_far)
    assert answer.tail_html() == shown


def test_a_half_open_fence_is_a_code_block():
    answer = AnswerStream()
    answer.feed("```py\nx = 1\n\n# not a heading")
    assert '<pre tabindex="0"><code class="highlight">x = 1\n\n# not a heading</code></pre>' in answer.tail_html()


@pytest.mark.parametrize(
    "text",
    [
        "> " * 40 + "a\n",
        "".join("  " * level + "- a\n" for level in range(60)),
        "[^1]" * 2_000 + "\n[^1]: a\n",
        "a *b*\n" * 12_000,
    ],
    ids=["deep on one line", "deep over many lines", "growing fortyfold", "long"],
)
def test_what_is_over_a_bound_is_shown_as_it_was_written(text):
    assert render(text) == f'<pre class="plain" tabindex="0" dir="auto">{escape(text)}</pre>\n'


def test_a_table_of_mostly_missing_cells_is_text():
    wide = "|a" * 500 + "|\n" + "|-" * 500 + "|\n"
    assert "<table>" in render(wide + "|x\n")
    assert render(wide + "|x\n" * 500).startswith('<p dir="auto">|a|a|')


def test_after_much_maths_the_rest_of_a_block_is_its_source():
    html = render(" ".join(f"$x_{{{number}}}$" for number in range(3_000)))
    assert "<msub><mi>x</mi><mrow><mn>2000</mn></mrow></msub>" in html
    assert '<code class="math-source">x_{2999}</code>' in html


class RustPanic(BaseException):
    """As pyo3's PanicException is: not an Exception."""


@pytest.mark.parametrize("error", [RuntimeError, RustPanic, UnicodeEncodeError("utf-8", "x", 0, 1, "x")])
def test_when_comrak_fails_the_text_is_shown(monkeypatch, error):
    def fail(*_args):
        raise error

    monkeypatch.setattr(comrak, "render_markdown", fail)
    assert render("# <b>\n\na\n") == '<pre class="plain" tabindex="0" dir="auto"># &lt;b&gt;\n\na\n</pre>\n'


def test_when_a_lexer_fails_the_code_is_shown(monkeypatch):
    def fail(*_args):
        raise RecursionError

    monkeypatch.setattr(pygments, "highlight", fail)
    assert '<code class="highlight">x = 1\n</code>' in render("```py\nx = 1\n```\n")


@pytest.mark.parametrize("text", SAMPLES)
def test_it_is_marked_safe_for_templates(text):
    assert hasattr(render(text), "__html__")
    answer = AnswerStream()
    assert all(hasattr(block.html, "__html__") for block in answer.feed(text) + answer.finish())
    assert hasattr(answer.tail_html(), "__html__")
