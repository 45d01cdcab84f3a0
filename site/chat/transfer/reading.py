"""Pure: chats out of a file, whoever wrote it. Whatever its bytes are, there is a sentence for it."""

from __future__ import annotations

import lzma
import re
import struct
import zipfile
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import Raw

from chat.transfer import chatgpt, openwebui
from chat.transfer.chats import BROKEN, EMPTY, FORMAT, TOO_LONG, VERSION, Chat, Unusable, check
from chat.transfer.loose import at, text

MOST_FILES = 10_000
MOST_CHATS = 10_000

NO_JSON = _("This file is not JSON, or is damaged. Choose the file as it was exported.")
UNKNOWN = _("There are no chats in this file that can be read. Choose an export of Parley, ChatGPT or Open WebUI.")
NEWER = _("This file was written by a newer Parley. Bring this one up to date first.")
NO_ARCHIVE = _("This archive is damaged or locked. Choose the file as it was exported.")
NOTHING_INSIDE = _("There is no conversations.json in this archive. Choose that of ChatGPT's export, or a JSON file.")
TOO_LARGE = _("What is in this archive is too large. Unpack it, and take in its chats in parts.")
MORE_CHATS = _("there are too many in one file")

_CONVERSATIONS = re.compile(r"(?:.*/)?conversations[-_0-9]*\.json", re.IGNORECASE)
_ZIP_ENTRY = b"PK\x01\x02"
_ARCHIVE_ERRORS = (
    *(zipfile.BadZipFile, RuntimeError, OSError, EOFError, ValueError, IndexError, OverflowError),
    *(zlib.error, lzma.LZMAError, struct.error),
)
_JSON_ERRORS = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
# Any escape of a JSON string. Half a pair of surrogates is no character; an emoji that was cut in two leaves one.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)


class NotAnExport(Exception):
    """A file that no chat can be taken from; `reason` says why, and what to do."""

    def __init__(self, reason: str | Promise) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Found:
    """A chat of the file. `chat` is None where it cannot be kept: then `reason` says why.

    Attributes:
        title: what it is called in the file.
        skipped: how many of its messages are not taken, since tools or programs said them.
    """

    title: str
    chat: Chat | None = None
    reason: str | Promise = ""
    skipped: int = 0


class _File(msgspec.Struct):
    """What begins like Parley's own JSON."""

    format: str = ""
    version: int = 0
    sessions: list[Raw] = []


def chats_in(data: bytes, *, limit: int) -> Iterator[Found]:
    """The chats of a file, one by one.

    Args:
        limit: of bytes, unpacked.

    Raises:
        NotAnExport
    """
    files = list(_unpacked(data, limit)) if data.startswith(b"PK") else [data]
    entries = [one for file in files for one in _entries(_as_utf8(file))]
    unknown = 0
    for is_own, entry in entries[:MOST_CHATS]:
        if found := _found(is_own, entry):
            yield found
        else:
            unknown += 1
    if unknown == len(entries):
        raise NotAnExport(UNKNOWN)
    yield from [Found("", reason=BROKEN)] * unknown
    yield from [Found("", reason=MORE_CHATS)] * len(entries[MOST_CHATS:])


def _unpacked(data: bytes, limit: int) -> Iterator[bytes]:
    """The files with conversations of an archive, together within the limit, whatever sizes it tells."""
    try:
        if data.count(_ZIP_ENTRY) > MOST_FILES:
            raise NotAnExport(TOO_LARGE)
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = [name for name in archive.namelist() if _CONVERSATIONS.fullmatch(name)]
            if not names:
                raise NotAnExport(NOTHING_INSIDE)
            for name in names:
                with archive.open(name) as file:
                    unpacked = file.read(limit + 1)
                limit -= len(unpacked)
                if limit < 0:
                    raise NotAnExport(TOO_LARGE)
                yield unpacked
    except _ARCHIVE_ERRORS as error:
        raise NotAnExport(NO_ARCHIVE) from error


def _as_utf8(data: bytes) -> bytes:
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace").encode(errors="replace")
    return data.removeprefix(BOM_UTF8)


def _entries(data: bytes) -> list[tuple[bool, Raw]]:
    """What may be chats, not looked into yet; and whether the file says that they are ours."""
    try:
        return _split(data)
    except _JSON_ERRORS:
        pass
    try:
        return _split(_ESCAPE.sub(lambda one: b"\\ufffd" if one[1] else one[0], data))
    except _JSON_ERRORS as error:
        raise NotAnExport(NO_JSON) from error


def _split(data: bytes) -> list[tuple[bool, Raw]]:
    if not data.lstrip().startswith(b"{"):
        return [(False, one) for one in msgspec.json.decode(data, type=list[Raw])]
    try:
        file = msgspec.json.decode(data, type=_File)
    except msgspec.ValidationError:
        return [(False, Raw(data))]
    if file.format != FORMAT:
        return [(False, Raw(data))]
    if file.version > VERSION:
        raise NotAnExport(NEWER)
    return [(True, one) for one in file.sessions]


def _found(is_own: bool, entry: Raw) -> Found | None:
    """None: it is no chat of any kind that is known."""
    title = ""
    try:
        if is_own:
            return _checked(msgspec.json.decode(entry, type=Chat))
        fields = msgspec.json.decode(entry)
        title = text(at(fields, "title"), 100)
        for kind in (chatgpt, openwebui):
            if kind.is_chat(fields):
                known, skipped = kind.read(fields)
                if not known["interactions"]:
                    raise Unusable(EMPTY)
                return _checked(msgspec.convert(known, type=Chat), skipped)
    except Unusable as error:
        return Found(title, reason=error.reason)
    except msgspec.ValidationError as error:
        return Found(title, reason=TOO_LONG if "length <=" in str(error) else BROKEN)
    except (*_JSON_ERRORS, OverflowError):
        return Found(title, reason=BROKEN)
    return None


def _checked(chat: Chat, skipped: int = 0) -> Found:
    try:
        check(chat)
    except Unusable as error:
        return Found(chat.title, reason=error.reason)
    return Found(chat.title, chat, skipped=skipped)
