from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser


class BoundedJSONParser(JSONParser):
    """JSON, with nesting that no honest client sends answered as what it is: a body that cannot be read."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None


class File(BaseParser):
    """A file as the body itself, not looked into."""

    media_type = "application/octet-stream"

    def parse(  # type: ignore[override]  # no fields
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        content: bytes = stream.read()
        return content


class JSONFile(File):
    media_type = "application/json"


class Archive(File):
    media_type = "application/zip"
