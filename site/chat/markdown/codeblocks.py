"""A code block as HTML: a head with its language, and the code, highlighted by classes when finished."""

import html
import re
from functools import cache

import pygments
from pygments.formatters import HtmlFormatter
from pygments.lexers import find_lexer_class, get_all_lexers
from pygments.token import STANDARD_TYPES

_MAX_HIGHLIGHTED = 10_000
_MAX_LINE = 500
# several lexers take quadratic time or worse on these
_LONG_GAP = re.compile(r"\s{100}")
# these two look for a method's name behind any number of words
_WORDY = frozenset(["C#", "Java"])
_LONG_PROSE = re.compile(r"(?:[@$\w.\[\]<>?]+\s+){30}")
# lexers whose time on hostile text was measured: see the tests
LANGUAGES = frozenset(
    [
        "Bash", "C", "C#", "C++", "CSS", "Dart", "Diff", "Docker", "Elixir", "Erlang", "Go", "GraphQL",
        "HTML", "Haskell", "INI", "JSON", "Java", "JavaScript", "Julia", "Kotlin", "Lua", "Makefile", "Nix",
        "Objective-C", "PHP", "Perl", "PowerShell", "Properties", "Protocol Buffer", "Python", "Ruby", "Rust",
        "S", "SCSS", "SQL", "Scala", "Swift", "TOML", "TeX", "TypeScript", "XML", "YAML", "Zig",
    ]
)  # fmt: skip

TOKEN_CLASSES = frozenset(name for name in STANDARD_TYPES.values() if name)

_formatter = HtmlFormatter(nowrap=True)


def to_html(code: str, language: str, *, highlight: bool) -> str:
    """HTML for `code` (plain text). `language` is what the author wrote after the fence, or ""."""
    body = _highlighted(code, language) if highlight else None
    if body is None:
        body = html.escape(code)
    return (
        '<div class="code" dir="ltr"><div class="code-head">'
        f'<span class="code-lang">{html.escape(language[:40]) or "text"}</span></div>'
        f'<pre tabindex="0"><code class="highlight">{body}</code></pre></div>'
    )


def _highlighted(code: str, language: str) -> str | None:
    name = _names().get(language.lower())
    if name is None or _runs_away(code, name):
        return None
    try:
        lexer_class = find_lexer_class(name)
        if lexer_class is None:
            return None
        # startinline: PHP without its <?php; the other lexers ignore it
        lexer = lexer_class(stripnl=False, ensurenl=False, startinline="<?" not in code)
        return pygments.highlight(code, lexer, _formatter)
    except Exception:  # a lexer is a program run over hostile text; plain code is always there
        return None


def _runs_away(code: str, name: str) -> bool:
    """Whether the lexer `name` may take more than a fraction of a second for `code`."""
    return (
        len(code) > _MAX_HIGHLIGHTED
        or max(map(len, code.split("\n"))) > _MAX_LINE
        or _LONG_GAP.search(code) is not None
        or (name in _WORDY and _LONG_PROSE.search(code) is not None)
    )


@cache
def _names() -> dict[str, str]:
    """Each language's aliases, in lower case, to its lexer's name."""
    return {
        alias: name for name, aliases, _, _ in get_all_lexers(plugins=False) if name in LANGUAGES for alias in aliases
    }
