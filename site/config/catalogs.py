"""Translations: the texts of code and templates gathered into catalogs, and catalogs compiled. Babel does both, so that
nobody needs gettext's programs.

`locale/<language>/LC_MESSAGES/django.po` is what people edit. `make messages` brings it up to date;
`manage.py prepare` compiles it under DATA_DIR.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation import to_locale
from django.utils.translation.template import templatize

from config.env import REPOSITORY

SOURCE = REPOSITORY / "locale"
# Besides English, which is in the code.
LANGUAGES = ("de", "zh-hans", "ar")
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}


def path_of(language: str) -> Path:
    return SOURCE / to_locale(language) / "LC_MESSAGES" / "django.po"


def read(language: str) -> Catalog:
    with path_of(language).open("rb") as file:
        return read_po(file, locale=to_locale(language), domain="django")


def gathered() -> Catalog:
    """What there is to be translated."""
    catalog = Catalog(domain="django", charset="utf-8")
    for path, text in _sources():
        found = extract("python", io.BytesIO(text.encode()), KEYWORDS, ("Translators:",))
        for _, message, comments, context in found:
            # Without the line: a catalog should change when a text does, and no oftener.
            catalog.add(message, locations=[(path, None)], auto_comments=comments, context=context)  # type: ignore[list-item]
    return catalog


def _sources() -> Iterator[tuple[str, str]]:
    """Path and text, as Python, of every file that may hold a text to be translated."""
    for path in sorted((REPOSITORY / "site").rglob("*.py")):
        if "migrations" not in path.parts:
            yield _name(path), path.read_text()
    for path in sorted((REPOSITORY / "templates").rglob("*.html")):
        # Each line begins at the margin: what is between the texts is no Python, and its indentation says nothing.
        lines = templatize(path.read_text(), origin=_name(path)).splitlines()
        yield _name(path), "\n".join(line.strip() for line in lines) + "\n"


def _name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def update(language: str) -> None:
    """Bring a catalog in line with the sources: new texts come without a translation, old ones go."""
    path = path_of(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = read(language) if path.exists() else Catalog(locale=to_locale(language))
    catalog = Catalog(locale=to_locale(language), domain="django", charset="utf-8", fuzzy=False)
    for message in gathered():
        if not message.id:
            continue
        old = known.get(message.id, message.context)
        catalog.add(
            message.id,
            string=old.string if old else "",
            locations=message.locations,
            auto_comments=message.auto_comments,
            context=message.context,
        )
    written = io.BytesIO()
    write_po(written, catalog, width=110, sort_output=True, omit_header=True)
    path.write_bytes(_header(catalog).encode() + written.getvalue())


def _header(catalog: Catalog) -> str:
    """No dates and no names: two people's changes then clash only where they touch the same text."""
    locale = str(catalog.locale_identifier)
    return (
        'msgid ""\n'
        'msgstr ""\n'
        f'"Language: {locale}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        f'"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    )


def compile_all(target: Path) -> None:
    """Write the catalogs to `target` as Django loads them. Several processes may do so at once."""
    for language in LANGUAGES:
        written = io.BytesIO()
        write_mo(written, read(language))
        path = target / to_locale(language) / "LC_MESSAGES" / "django.mo"
        if path.is_file() and path.read_bytes() == written.getvalue():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(written.getvalue())
        part.replace(path)


def main(given: list[str]) -> None:
    """`compile FOLDER`, or nothing: bring the catalogs up to date."""
    match given:
        case ["compile", folder]:
            compile_all(Path(folder))
        case _:
            for language in LANGUAGES:
                update(language)


if __name__ == "__main__":
    main(sys.argv[1:])
