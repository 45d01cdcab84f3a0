"""All that is kept about a user, in one file to take along: chats as their export has them, and lists of the rest. No
password, no token, and nothing by which either could be found."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from accounts.models import User
from chat.database import in_thread
from chat.models import Preset, SharedLink
from chat.transfer import export
from limits.models import Usage

README = """\
What Parley keeps about you.

conversations.json  your chats with all versions of answers, as the export of all chats has them
account.json        your name and settings
presets.json        system prompts and parameters under a name
api-tokens.json     names and dates of your API tokens, without the tokens
log-ins.json        the browsers that are logged in
shared-links.json   the links by which others can read a chat
usage.json          how many tokens you have used, day by day
"""

ACCOUNT = (
    *("username", "email", "first_name", "last_name", "date_joined", "last_login", "theme", "language", "enter_sends"),
    *("system_prompt", "parameters"),
)


class _Outbox:
    """A file that is only written to; what is in it is taken out and sent."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """There is nothing behind it."""

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


async def zip_of(*, user: User) -> AsyncGenerator[bytes]:
    """The ZIP file, a portion at a time."""
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]  # it only writes
        archive.writestr("README.txt", README)
        for name, rows in (await in_thread(_lists, user)).items():
            archive.writestr(f"{name}.json", msgspec.json.format(msgspec.json.encode(rows), indent=2))
        with archive.open("conversations.json", "w", force_zip64=True) as chats:
            async for piece in export.json_of(owner_id=user.pk):
                await asyncio.to_thread(chats.write, piece)  # to compress long texts takes a while
                if packed := outbox.take():
                    yield packed
    yield outbox.take()


def _lists(user: User) -> dict[str, Any]:
    links = SharedLink.objects.filter(session__owner=user, session__deleted=None)
    return {
        "account": User.objects.values(*ACCOUNT).get(pk=user.pk),
        "presets": list(Preset.objects.filter(owner=user).values("name", "system_prompt", "parameters", "created")),
        "api-tokens": list(user.api_tokens.values("name", "scopes", "created", "expires", "last_used")),
        "log-ins": list(user.log_ins.order_by("created").values("user_agent", "created", "expire_date")),
        "shared-links": [
            {"address": one.get_absolute_url(), "chat": one.session_id, "created": one.created} for one in links
        ],
        "usage": list(
            Usage.objects.filter(owner=user).order_by("day").values("day", "prompt_tokens", "generated_tokens")
        ),
    }
