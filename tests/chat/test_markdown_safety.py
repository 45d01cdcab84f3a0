"""Everything a model writes is hostile: only what is listed here comes out, each element where it belongs."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.markdown import AnswerStream, render
from chat.markdown.sanitise import sanitise
from tests.chat.markdown_samples import SAMPLES

ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=http://example.com/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)><svg><animate onbegin=alert(1) attributeName=x>",
    "<iframe src=javascript:alert(1)></iframe><object data=x></object><embed src=x>",
    "<form action=http://example.com><input name=password><button formaction=javascript:x>go</button></form>",
    "<a href='java\tscript:alert(1)'>a</a><a href='&#106;avascript:alert(1)'>b</a>",
    "<div style='position:fixed;inset:0'>over</div><style>*{color:red}</style><link rel=stylesheet>",
    "<meta http-equiv=refresh content=0><base href=http://example.com/>",
    "<img name=cookie><a id=chat name=location>clobber</a>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math><annotation-xml encoding='text/html'><script>alert(1)</script></annotation-xml></math>",
    "<math><maction actiontype='statusline#http://x' xlink:href='javascript:alert(1)'>x</maction></math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template><video><source onerror=alert(1)></video>",
    "<div hx-get=/logout hx-trigger=load data-hx-post=/x>htmx</div><p _='on load'>",
    "<!--><script>alert(1)</script>--><![CDATA[<script>alert(1)</script>]]>",
    "</p></div></body><script>alert(1)</script>",
    "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
]
MARKDOWN_ATTACKS = [
    "[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](&#x6A;avascript:alert(1)) [d](java%0ascript:x)",
    "[a](<javascript:alert(1)>) <javascript:alert(1)> [b](\\javascript:x) [c](\x01javascript:x)",
    "[a]: javascript:alert(1)\n\n[a] ![a]",
    '![x](http://example.com/"onerror=alert(1)) ![" onerror="alert(1)](http://example.com)',
    '[a](http://example.com "t" onclick=alert(1)) [b](http://example.com \'" onclick="alert(1)\')',
    "[<img src=x onerror=alert(1)>](http://example.com) `<script>` **<script>**",
    '```"><script>alert(1)</script>\nx\n```',
    "```py onload=alert(1)\n</code></pre><script>alert(1)</script>\n```",
    '| <script>alert(1)</script> " onclick="x |\n|---|\n| <img src=x onerror=alert(1)> |',
    '[^"><script>alert(1)</script>]: x\n\nx[^"><script>alert(1)</script>]',
    "$\\text{<script>alert(1)</script>}$ $\\href{javascript:alert(1)}{x}$ $\\style{color:red}{x}$",
    '$\\text{</math><img src=x onerror=alert(1)>}$ $\\mathrm{<script>}$ $\\frac{<b>}{$ $\\class{"><b>}{x}$',
    '\\(\\mathchoice\\) \\[\\color{red" onclick="x}{y}\\]',
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;img src=x onerror=alert(1)&#62;",
    "- [ ] <input autofocus onfocus=alert(1)>",
    "> [!NOTE] <script>alert(1)</script>\n> x",
    "<br onclick=alert(1)> &lt;br onclick=alert(1)&gt; <br/onload=x>",
]
ALLOWED = {
    "p h3 h4 h5 h6": {"dir", "class"}, "ul blockquote": {"dir"}, "ol": {"dir", "start"}, "li": {"class"},
    "hr br em strong del table thead tbody tr": set(), "code span sup": {"class"}, "th td": {"class"},
    "pre": {"tabindex", "class", "dir"}, "a": {"href", "title", "target", "rel", "class"},
    "div": {"class", "id", "dir", "tabindex", "role", "aria-label"},
    "input": {"type", "class", "disabled", "checked", "aria-label"},
    "math mrow mi mn mo mtext mspace mfrac msqrt mroot mstyle msub msup msubsup munder mover munderover"
    " mtable mtr mtd mpadded mphantom menclose":
        {"display", "stretchy", "fence", "form", "accent", "displaystyle", "rowspacing", "columnspacing",
         "columnalign", "mathcolor", "width", "linethickness", "mathvariant", "notation", "scriptlevel",
         "minsize", "maxsize", "lspace", "rspace", "separator", "movablelimits", "height", "depth"},
}  # fmt: skip
BY_TAG = {tag: attributes for tags, attributes in ALLOWED.items() for tag in tags.split()}


class Audit(HTMLParser):
    """Asserts that a fragment is well-formed and holds nothing but what is allowed."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        assert tag in BY_TAG
        for name, value in attrs:
            assert name in BY_TAG[tag], (tag, name)
            if name == "href":
                assert re.match(rf"https?://|mailto:|#{self.prefix}fn-", value, re.IGNORECASE)
            if name == "id":
                assert value.startswith(f"{self.prefix}fn-")
        if tag == "a":
            assert dict(attrs)["rel"] == "noopener noreferrer nofollow"
            assert "a" not in self.open
        if tag == "input":
            assert {"type": "checkbox", "disabled": ""}.items() <= dict(attrs).items()
        if tag not in {"br", "hr", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_comment(self, data):
        pytest.fail(f"a comment came out: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def audit(html: str, prefix: str = "m1-") -> None:
    parser = Audit(prefix)
    parser.feed(html)
    parser.close()
    assert parser.open == []
    assert "\0" not in html


@pytest.mark.parametrize("text", [*SAMPLES, *ATTACKS, *MARKDOWN_ATTACKS])
def test_only_what_is_allowed_comes_out(text):
    audit(render(text, prefix="m1-"))
    for size in range(1, min(len(text), 300)):
        answer = AnswerStream(prefix="m1-")
        for block in answer.feed(text[:size]):
            audit(block.html)
        audit(answer.tail_html())


pieces = st.one_of(
    st.sampled_from([*ATTACKS, *MARKDOWN_ATTACKS, *SAMPLES]),
    st.text(alphabet="<>\"'&=/ \n`[]()!$\\{}^_*#-|:.;javscriptondfx\0", max_size=40),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(pieces, max_size=5), st.sampled_from(["", "\n", "\n\n", "`", "> ", "$"]))
def test_attacks_in_any_company(parts, glue):
    audit(render(glue.join(parts), prefix="m1-"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_raw_html_is_shown_as_text(attack):
    html = render(attack)
    assert "&lt;" in html
    shown = re.sub(r"<[^>]*>", "", html)
    assert "<" not in shown


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_wall_stands_by_itself(attack):
    html = sanitise(attack)
    assert set(re.findall(r"<([a-z:]+)", html)) <= {
        "a",
        "p",
        "div",
        "math",
        "mtext",
        "table",
        "tbody",
        "input",
    }
    assert not re.search(r"\bon\w+=|script:|style|hx-|action|\bname=|\bid=|xlink|\b_=", html, re.IGNORECASE)


def test_the_wall_lets_no_other_class_id_or_field_through():
    assert sanitise('<p class="navbar raw-html" id="x">a</p>') == '<p class="raw-html">a</p>'
    assert sanitise('<a id="x" href="/logout">a</a>') == '<a rel="noopener noreferrer nofollow">a</a>'
    field = sanitise('<input type="password" name="p">')
    assert sorted(field[1:-1].split()) == ['disabled=""', "input", 'type="checkbox"']
    assert sanitise('<div role="button" tabindex="1" dir="x">a</div>') == "<div>a</div>"
    assert sanitise('<math><mi style="x" href="http://x" mathcolor="red">a</mi></math>') == (
        '<math><mi mathcolor="red">a</mi></math>'
    )
