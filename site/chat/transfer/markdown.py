"""Pure: a chat as Markdown for people, in the active language; and what its file is called."""

from __future__ import annotations

import re
import unicodedata

from django.utils.translation import gettext as _

from chat.transfer.chats import Chat, Interaction

# Bytes of UTF-8: file systems take 255, with the ending.
LONGEST_NAME = 150
# What one file system or another does not take in a name.
_UNFIT = re.compile(r'[<>:"/\\|?*]+')


def head_of(chat: Chat) -> str:
    title = " ".join(chat.title.split()) or _("Untitled chat")
    prompt = f"> {_quoted(chat.system_prompt)}\n\n" if chat.system_prompt.strip() else ""
    day = f"{chat.created:%Y-%m-%d}\n\n" if chat.created else ""
    return f"# {title}\n\n{day}{prompt}"


def _quoted(text: str) -> str:
    return text.strip().replace("\n", "\n> ")


def turn_of(turn: Interaction) -> str:
    answer = turn.final_response_text.strip()
    ending = f"*{_ending(turn)}*\n\n" if _ending(turn) else ""
    answered = f"## {turn.model_id or _('Answer')}\n\n" if answer or ending else ""
    return f"## {_('Question')}\n\n{turn.query_text.strip()}\n\n{answered}{answer}{_gap(answer)}{ending}"


def _gap(text: str) -> str:
    return "\n\n" if text else ""


def _ending(turn: Interaction) -> str:
    """What a reader has to know of how the answer ended."""
    match turn.status:
        case "queued" | "generating":
            return _("This answer was still being written.")
        case "stopped":
            return _("It was stopped.")
        case "failed":
            return _("It failed.")
    return _("It reached its length limit.") if turn.finish_reason == "length" else ""


def file_name(title: str, ending: str) -> str:
    """A name that every file system takes, out of a title in whatever script."""
    seen = "".join(" " if unicodedata.category(one).startswith(("C", "Z")) else one for one in title)
    name = " ".join(_UNFIT.sub(" ", seen).split()).strip(". ")
    cut = name.encode()[:LONGEST_NAME].decode(errors="ignore").strip(". ")
    return f"{cut or 'chat'}.{ending}"
