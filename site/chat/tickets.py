"""What lets a browser open the stream of an answer that it has just asked for without the database being asked again
who it is. A ticket is part of the stream's address, is good for a few seconds, and only with the log-in that asked."""

from __future__ import annotations

import time
from uuid import UUID

from django.utils.crypto import constant_time_compare, salted_hmac

# A stream that is open stays open, so a ticket lets nobody see more than a stream opened at once would have shown.
GOOD_FOR_S = 20


def make(interaction_id: UUID, session_key: str | None) -> str:
    """A ticket for the log-in with this key; "" where there is none."""
    return _signed(interaction_id, session_key, int(time.time()) + GOOD_FOR_S) if session_key else ""


def is_good(ticket: str, interaction_id: UUID, session_key: str | None) -> bool:
    """Whether it was made for this answer and this log-in, a few seconds ago at most."""
    expires = ticket.partition("-")[0]
    if not session_key or not expires.isascii() or not expires.isdigit() or len(expires) > 12:
        return False
    return int(expires) > time.time() and constant_time_compare(ticket, _signed(interaction_id, session_key, expires))


def _signed(interaction_id: UUID, session_key: str, expires: int | str) -> str:
    signed = salted_hmac("chat.tickets", f"{interaction_id} {session_key} {expires}", algorithm="sha256")
    return f"{expires}-{signed.hexdigest()[:32]}"
