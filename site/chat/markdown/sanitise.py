"""The wall behind the renderer: whatever went wrong before it, only what is listed here gets out."""

import nh3

from . import codeblocks, maths

_TAGS = frozenset(
    [
        "a", "blockquote", "br", "code", "del", "div", "em", "h3", "h4", "h5", "h6", "hr", "input", "li",
        "ol", "p", "pre", "span", "strong", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
    ]
)  # fmt: skip
_ALIGNED = {"align-left", "align-center", "align-right"}
_ALERTS = {"alert", "alert-note", "alert-tip", "alert-important", "alert-warning", "alert-caution"}


def _own_fragment(url: str) -> str | None:
    """Relative addresses would lead into the site: only links within the answer are left."""
    return url if url.startswith("#") else None


_cleaner = nh3.Cleaner(
    tags=_TAGS | maths.TAGS,
    clean_content_tags={"script", "style", "iframe", "object", "embed", "svg", "template", "noscript"},
    attributes={
        "a": {"href", "title"},
        "ol": {"start"},
        "div": {"id", "aria-label"},
        "input": {"checked", "disabled", "aria-label"},
        **{tag: set(maths.ATTRIBUTES) for tag in maths.TAGS},
    },
    tag_attribute_values={
        "a": {"target": {"_blank"}},
        "input": {"type": {"checkbox"}},
        "pre": {"tabindex": {"0"}, "dir": {"auto"}},
        "div": {"tabindex": {"0"}, "role": {"region", "note"}, "dir": {"auto", "ltr"}},
        **{tag: {"dir": {"auto"}} for tag in ("p", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "table")},
    },
    allowed_classes={
        "a": {"image-link"},
        "code": {"highlight", "math-source"},
        "div": {"code", "code-head", "table-scroll", "footnote", *_ALERTS},
        "input": {"task-checkbox"},
        "li": {"task"},
        "p": {"raw-html", "alert-title"},
        "pre": {"plain"},
        "span": {
            "code-lang",
            "math",
            "math-inline",
            "math-display",
            "footnote-label",
            *codeblocks.TOKEN_CLASSES,
        },
        "sup": {"footnote-ref"},
        "td": _ALIGNED,
        "th": _ALIGNED,
    },
    set_tag_attribute_values={"input": {"disabled": "", "type": "checkbox"}},
    url_schemes={"http", "https", "mailto"},
    url_relative=_own_fragment,
    link_rel="noopener noreferrer nofollow",
)


def sanitise(html: str) -> str:
    """`html` with everything that is not on the list taken out. Never raises."""
    return _cleaner.clean(html)
