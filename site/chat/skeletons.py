"""Templates that are rendered once and then only filled in: for a fragment that is sent very often, all at once.

Django's templates take about a millisecond for a fragment of a few includes. A skeleton is such a fragment rendered
with stand-ins where texts will be, and taken apart at them; filling it in joins the parts again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language

V = TypeVar("V", bound=Hashable)

# More there are not: languages and a few settings. Should there ever be, they are made anew.
MOST_VARIANTS = 100


class Skeleton(Generic[V]):
    """One template, whose output depends on a few texts that it shows as they are, escaped, and on nothing else but the
    language and the variant: no condition may look at such a text.

    Args:
        template: its name.
        stand_ins: for each text its stand-in, which occurs nowhere else. What goes into an address must be able to.
        context: the template's context with the stand-ins as texts, for a variant.
    """

    def __init__(self, template: str, stand_ins: Mapping[str, str], context: Callable[[V], Mapping[str, Any]]) -> None:
        self._template = template
        self._names = {stand_in: name for name, stand_in in stand_ins.items()}
        self._stand_ins = re.compile("(" + "|".join(map(re.escape, self._names)) + ")")
        self._context = context
        self._made: dict[tuple[V, str | None], list[str]] = {}

    def fill(self, variant: V, texts: Mapping[str, object]) -> SafeString:
        """The template's output for these texts."""
        parts = list(self._parts(variant))
        safe = {name: escape(text) for name, text in texts.items()}
        # fixed text and names of texts take turns
        parts[1::2] = [safe[name] for name in parts[1::2]]
        return SafeString("".join(parts))

    def _parts(self, variant: V) -> list[str]:
        key = (variant, get_language())
        parts = self._made.get(key)
        if parts is None:
            rendered = render_to_string(self._template, dict(self._context(variant)))
            parts = self._stand_ins.split(rendered)
            parts[1::2] = [self._names[stand_in] for stand_in in parts[1::2]]
            if len(self._made) >= MOST_VARIANTS:
                self._made.clear()
            self._made[key] = parts
        return parts
