"""`{% marked text terms %}`: a text with what was searched for marked in it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django import template
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from chat.search import is_begun_only

register = template.Library()


@register.simple_tag
def marked(text: object, terms: Sequence[str]) -> SafeString:
    """Every occurrence of a term in <mark>, all else escaped."""
    shown = str(text)
    if not terms:
        return conditional_escape(shown)
    patterns = (rf"\b{re.escape(term)}" if is_begun_only(term) else re.escape(term) for term in terms)
    # The longest first: of two that begin at one place, it is the one that is seen.
    pieces = re.split(f"({'|'.join(sorted(patterns, key=len, reverse=True))})", shown, flags=re.IGNORECASE)
    return format_html_join(
        "", "{}", ((format_html("<mark>{}</mark>", piece) if odd % 2 else piece,) for odd, piece in enumerate(pieces))
    )
