"""Markdown by the sections of the two specifications, CommonMark's and GitHub's: what each section varies, put together
in every way. A rule and what breaks it stand side by side, because both come out of the same product."""

from collections.abc import Callable, Iterator
from itertools import product

INDENTS = ("", " ", "   ", "    ", "\t")
WORDS = "the lamp is lit"
URL = "http://l.example"


def _tabs() -> Iterator[str]:
    for before, marker, after in product(("", "  ", "\t"), ("", "-", "1.", ">", "#", "*\t*\t*"), ("\t", " \t", "\t\t")):
        yield f"{before}{marker}{after}{WORDS}\n\n{after}{WORDS}\n"


def _escapes() -> Iterator[str]:
    marks = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    for frame in ("{}", "`{}`", "    {}", "# {}", "[{}](" + URL + ")", "| {} |\n|-|"):
        yield frame.format("".join(f"\\{mark}" for mark in marks)) + "\n"
    for escaped in (
        "\\*lamp*",
        "\\# lamp",
        "\\- lamp",
        "1\\. lamp",
        "\\> lamp",
        "\\`lamp`",
        "\\[lamp](x)",
        "\\<b>",
        "\\&amp;",
        "\\\\*lamp*",
        "lamp\\\nlit",
        "\\L\\ä",
    ):
        yield f"{escaped}\n"


def _entities() -> Iterator[str]:
    for entity in (
        "&amp;",
        "&Uuml;",
        "&#76;",
        "&#x4C;",
        "&#0;",
        "&#42;",
        "&lamp;",
        "&amp",
        "&#;",
        "&#x;",
        "&#99999999;",
    ):
        line = f"{entity}lamp{entity} `{entity}` [l]({URL}?{entity}) {entity} lit\n"
        yield f"{line}\n    {entity}\n\n```{entity}\n{entity}\n```\n"


def _rules() -> Iterator[str]:
    for indent, mark, count, gap in product(INDENTS, "-*_+=", (2, 3, 7), ("", " ", "  ")):
        yield f"{WORDS}\n{indent}{gap.join(mark * count)}\n- {WORDS}\n{gap.join(mark * count)}\n"


def _atx_headings() -> Iterator[str]:
    for indent, level, gap, close in product(
        INDENTS, (1, 3, 6, 7), ("", " ", "\t"), ("", " #", " ####  ", "#", " \\#")
    ):
        yield f"{WORDS}\n{indent}{'#' * level}{gap}*lamp*{close}\n{WORDS}\n"
    yield from ("#\n", "## ##\n", "# \nlamp\n")


def _setext_headings() -> Iterator[str]:
    bodies = (WORDS, "two\n *lines*", "- item", "> quote", "    code", "`half\nopen", "", "[l]: " + URL)
    for body, indent, line in product(bodies, ("", "   ", "    "), ("=", "---", "= =", "--- -", "===  ")):
        yield f"{body}\n{indent}{line}\n{WORDS}\n"


def _indented_code() -> Iterator[str]:
    for before, indent, gap in product(
        (WORDS, "# lamp", "- lamp", "> lamp", ""), ("    ", "\t", "      "), ("\n", "\n\n", "\n  \n\n")
    ):
        yield f"{before}{gap}{indent}<b>*lamp*{gap}{indent}lit  {gap}out\n"


def _fences() -> Iterator[str]:
    for indent, mark, info in product(
        ("", "   ", "    ", "- ", "> "), ("```", "~~~", "`````", "``"), ("", "python", " a`b", " a ~ b")
    ):
        for close in (mark, mark + mark[0], mark[:2], f"    {mark}", f"{mark} lit", ""):
            yield f"{indent}{mark}{info}\n  lamp <b>\n\n# lit\n{close}\nafter\n"


def _html_blocks() -> Iterator[str]:
    kinds = (
        ("<script>", "</script>"), ("<pre>", "</pre>"), ("<!-- lamp", "-->"), ("<?lamp", "?>"), ("<!LAMP", ">"),
        ("<![CDATA[", "]]>"), ("<div class='lamp'>", "</div>"), ("</section", ">"), ("<lamp-post>", "</lamp-post>"),
        ("<b title=\"", "\">"), ("<div\n id=x", ">"), ("<style>", "</STYLE>"), ("<textarea>", ""),
    )  # fmt: skip
    for before, indent, (start, end), gap in product(
        ("", f"{WORDS}\n", "- ", "> "), ("", "   ", "    "), kinds, ("\n", "\n\n")
    ):
        yield f"{before}{indent}{start}{gap}*lamp*{gap}{end}\n*lit*\n"


def _definitions() -> Iterator[str]:
    titles = ("", ' "lamp"', " 'la\nmp'", "\n(lamp)", ' "lamp" lit', "\n'never closed")
    for before, label, target, title in product(
        ("", f"{WORDS}\n", "# h\n", "    "),
        ("lamp", "LÄMP", "la\\]mp", "", " "),
        (URL, f"<{URL} b>", "<>", f"\n  {URL}", ""),
        titles,
    ):
        yield f"{before}[{label}]: {target}{title}\n\n[{label}] [{label.lower()}][] [lit][{label}]\n"


def _paragraphs() -> Iterator[str]:
    for indent, end, gap in product(INDENTS, ("", " ", "   ", "\\"), ("\n", "\n\n", "\n \t\n\n")):
        yield f"{indent}{WORDS}{end}{gap}{indent}*{WORDS}*{end}{gap}"


def _quotes() -> Iterator[str]:
    inner = (WORDS, "# lamp", "- lamp", "```\nlamp", "    lamp", "> lamp", "", "| a |\n|-|", "***")
    for marker, first, gap, second in product(
        (">", "> ", "   > ", "    > ", ">\t"),
        inner,
        ("\n", "\n\n", "\n>\n"),
        ("> lit", "lit", "---", "    lit", "- lit"),
    ):
        yield f"{marker}{first.replace(chr(10), chr(10) + marker)}{gap}{second}\n"


def _items() -> Iterator[str]:
    inner = (WORDS, "# lamp", "> lamp", "```", "    lamp", "- lamp", "", "2. lamp", "---", "| a |")
    for before, marker, first in product(
        ("", f"{WORDS}\n"), ("- ", "+    ", "*\t", "1. ", "7) ", "1234567890. ", "-", "0.  "), inner
    ):
        for gap, second in product(
            ("\n", "\n\n", "\n\n\n"), ("  lit", "lit", "      lit", "   > lit", "- lit", "1. lit")
        ):
            yield f"{before}{marker}{first}{gap}{second}\n"


def _lists() -> Iterator[str]:
    for marks, gap, indent in product(
        ("---", "-+-", "1.2.3.", "1.2)3.", "*1.*"), ("\n", "\n\n"), ("", " ", "  ", "   ")
    ):
        markers = (
            [mark + "." if mark.isdigit() else mark for mark in marks.replace(".", "")] if "." in marks else list(marks)
        )
        items = gap.join(f"{indent * number}{mark} item {number}" for number, mark in enumerate(markers))
        yield f"{items}\n\nafter\n"
        yield f"{items}\n\n[lamp]: {URL}\n{indent}lazy\n"


def _code_spans() -> Iterator[str]:
    for run, inside in product(
        ("`", "``", "```"), ("lamp", " lamp ", " ` ", "la`mp", "la\nmp", "\\", "<b>", "*", "  ", "$x$")
    ):
        yield f"*a {run}{inside}{run}* and {run}{inside}` [{run}]({URL}){run}\n"


def _emphasis() -> Iterator[str]:
    runs = ("*", "_", "**", "__", "***", "*_", "~~")
    for opened, inside, closed in product(
        runs, ("lamp", " lamp", "lamp ", "a*b_c", "a **b** c", '"lamp"', "la\nmp", ""), runs
    ):
        yield f"{opened}{inside}{closed} x{opened}{inside}{closed}y ({opened}{inside}{closed})\n"


def _links() -> Iterator[str]:
    texts = ("lamp", "", "la[m]p", "la]mp", "*la", "`lamp", f"[in]({URL})", f"![in]({URL})", "<b", "lamp\nlit")
    targets = (
        f"({URL})",
        f'({URL} "t")',
        f"(<{URL}>\n't')",
        f"({URL} (t))",
        "()",
        "(a b)",
        "(a(b)c)",
        "(a(b)",
        "[ref]",
        "[]",
        "",
        " (x)",
        "(javascript:x)",
    )
    for mark, text, target in product(("", "!"), texts, targets):
        yield f"[ref]: {URL}\n[lamp]: {URL}/2\n\n{mark}[{text}]{target} *lit*\n"


def _autolinks() -> Iterator[str]:
    addresses = (
        URL,
        f"{URL}?b=1&c=(d)",
        "mailto:lamp@lit.example",
        "lamp@lit.example",
        "www.lamp.example/a_b.",
        "lamp:lit",
        "javascript:x",
        "a b",
        "x:",
    )
    for frame, address in product(
        ("{}", "<{}>", "({})", "*{}*", "`{}`", "[{}](x)", "{}.", "{}<b", "| {} |\n|-|"), addresses
    ):
        yield frame.format(address) + "\n"


def _inline_html() -> Iterator[str]:
    for html in (
        "<b>",
        "<b\n c='d'>",
        "<b c=d/>",
        "</b >",
        "<!-- la -- mp -->",
        "<?lamp?>",
        "<!L a>",
        "<![CDATA[>]]>",
        "<3>",
        "< b>",
        '<b c="',
        "<lamp-post/>",
    ):
        yield f"*lamp {html}* `{html}` lit</b>\n"


def _breaks() -> Iterator[str]:
    for frame, end in product(
        ("{}", "# {}", "- {}", "> {}", "*{}*", "`{}`", "| {} |\n|-|"), ("  ", "\\", "     ", "", " ", "\\\\")
    ):
        yield frame.format(f"lamp{end}\n   lit{end}") + "\n"


def _text() -> Iterator[str]:
    yield from ("lamp $.;'lit\n", "Лампа und 灯 و مصباح\n", "many     spaces\n", "\n\n \t\n", "")


def _tables() -> Iterator[str]:
    rows = ("| 1 | 2 |", "1 | 2", "| 1 |", "| 1 | 2 | 3 |", "| `a\\|b` | \\| |", "> 1", "lamp", "|")
    for before, head, line, row in product(
        ("", f"{WORDS}\n", "- ", "> "),
        ("| a | b |", "a | b", "| a |"),
        ("|-|-|", ":-: | --:", "|--|", "|-|-|-|", "| - | = |"),
        rows,
    ):
        inner = "  " if before == "- " else before if before == "> " else ""
        yield f"{before}{head}\n{inner}{line}\n{inner}{row}\n\nafter\n"


def _tasks() -> Iterator[str]:
    for marker, box, text in product(
        ("-", "*", "1.", ">", ""),
        ("[ ]", "[x]", "[X]", "[]", "[ x]", "[y]"),
        (" lamp", "lamp", "", "\n  lamp", " [ ] lit"),
    ):
        yield f"{marker} {box}{text}\n  - {box} in\n\n{marker} {box} loose\n"


def _footnotes() -> Iterator[str]:
    for label, body in product(
        ("1", "lamp", "la mp", ""), ("lit", "\n    lit", "lit\n\n    more\n\n    - a", "lit\nlazy", "> lit")
    ):
        yield f"[^{label}]: {body}\n\nlamp[^{label}] and[^{label}][^never]\n"


def _alerts() -> Iterator[str]:
    for kind, gap in product(
        ("NOTE", "tip", "IMPORTANT", "WARNING", "CAUTION", "LAMP", ""),
        ("\n> ", " own title\n> ", "\n>\n> - ", "\n\n> ", "\n"),
    ):
        yield f"> [!{kind}]{gap}lamp\n\nlit\n"


def _maths() -> Iterator[str]:
    frames = (
        "${}$",
        "$${}$$",
        "\\({}\\)",
        "\\[{}\\]",
        "$`{}`$",
        "$$\n{}\n$$",
        "```math\n{}\n```",
        "${}",
        "costs $5, {} or 6$",
    )
    for frame, formula in product(
        frames, ("x^2", "\\frac{a}{b}", "a_1 b_2", " x ", "\\lamp{", "a < b", "|x|", "\\text{lamp}")
    ):
        yield f"*lamp* {frame.replace('{}', formula)} *lit*\n"


SECTIONS: dict[str, Callable[[], Iterator[str]]] = {
    "tabs": _tabs,
    "backslash escapes": _escapes,
    "entities": _entities,
    "thematic breaks": _rules,
    "headings": _atx_headings,
    "underlined headings": _setext_headings,
    "indented code": _indented_code,
    "fenced code": _fences,
    "HTML blocks": _html_blocks,
    "link definitions": _definitions,
    "paragraphs and blank lines": _paragraphs,
    "block quotes": _quotes,
    "list items": _items,
    "lists": _lists,
    "code spans": _code_spans,
    "emphasis and strikethrough": _emphasis,
    "links and images": _links,
    "autolinks": _autolinks,
    "raw HTML": _inline_html,
    "line breaks": _breaks,
    "text": _text,
    "tables": _tables,
    "task lists": _tasks,
    "footnotes": _footnotes,
    "alerts": _alerts,
    "maths": _maths,
}
