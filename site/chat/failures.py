"""Why an answer failed, in the reader's language. What is kept with the answer is in English, for programs."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

# By its code: what `inference.errors` and `chat.runs` say.
MESSAGES = {
    "inference_error": gettext_noop("The model could not answer."),
    "unreachable": gettext_noop("The model is not running at the moment. Try again in a minute."),
    "overloaded": gettext_noop("The model is busy with other answers. Try again in a moment."),
    "unavailable": gettext_noop("The model is starting or unwell. Try again in a minute."),
    "timed_out": gettext_noop("The model took too long. Try again."),
    "interrupted": gettext_noop("The answer was cut off. Try again."),
    "generation_failed": gettext_noop("The model failed on this message. Try again."),
    "rejected": gettext_noop("The model cannot take this message."),
    "misconfigured": gettext_noop(
        "The connection to the model is not set up correctly. Please tell the administrator."
    ),
    "internal": gettext_noop("Something went wrong on our side. Try again."),
}


def in_words(code: str, message: str) -> str:
    """A sentence for a failed answer; `message` itself where its code is not known here."""
    if code == "too_long" and len(numbers := re.findall(r"\d+", message)) == 2:
        return _(
            "This message is too long for the model: it has %(tokens)s tokens, and %(limit)s fit. Shorten it, or send "
            "it in parts."
        ) % dict(zip(("tokens", "limit"), numbers, strict=True))
    if code in MESSAGES:
        return _(MESSAGES[code])
    return message or _("This answer failed.")
