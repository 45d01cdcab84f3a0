"""A user's log-ins: which browsers are in, since when, and how they are put out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts.jwts import revoke_jwts
from accounts.models import USER_AGENT_MAX_LENGTH, LogIn, User
from accounts.sessions import USER_AGENT

# The first that is found decides: most name others besides themselves.
BROWSERS = (
    ("Edg(?:e|A|iOS)?/", "Edge"),
    ("OPR/|Opera", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/|FxiOS/", "Firefox"),
    ("Chrome/|Chromium/|CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh|Mac OS X", "macOS"),
    ("Linux|X11", "Linux"),
)


@dataclass(frozen=True, slots=True)
class KnownLogIn:
    """A log-in as its owner sees it.

    Attributes:
        id: names it in a form. The session's own key is as good as a password and stays inside.
        is_this: whether it is the one that asks.
    """

    id: str
    browser: str
    since: datetime
    is_this: bool


def note(*, request: HttpRequest, user: User) -> None:
    """Somebody logs in: keep which browser that is, and clear away the log-ins that have run out."""
    request.session[USER_AGENT] = request.META.get("HTTP_USER_AGENT", "")[:USER_AGENT_MAX_LENGTH]
    user.log_ins.filter(expire_date__lt=timezone.now()).delete()


def known(*, user: User, current: str | None) -> list[KnownLogIn]:
    """The user's log-ins that are good, the one whose key is `current` first, then the newest."""
    rows = user.log_ins.filter(expire_date__gt=timezone.now()).order_by("-created")
    found = [KnownLogIn(_id(row), in_words(row.user_agent), row.created, row.session_key == current) for row in rows]
    return sorted(found, key=lambda one: not one.is_this)


@transaction.atomic
def end(*, user: User, log_in_id: str) -> bool:
    """End one log-in; False if there is none of that id (any more)."""
    for row in user.log_ins.all():
        if _id(row) == log_in_id:
            row.delete()
            return True
    return False


@transaction.atomic
def end_others(*, user: User, current: str | None) -> None:
    """End all log-ins of browsers but the one whose key is `current`, and those of programs, at once. Personal API
    tokens stay."""
    user.log_ins.exclude(session_key=current or "").delete()
    revoke_jwts(user=user)


def end_all(*, user: User) -> None:
    """End all log-ins, of browsers and of programs, at once. Personal API tokens stay."""
    end_others(user=user, current=None)


def in_words(user_agent: str) -> str:
    """Which browser a User-Agent header speaks of: “Firefox on Linux”."""
    browser, system = _first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("An unknown browser")


def _first(known: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for pattern, name in known if re.search(pattern, user_agent)), "")


def _id(row: LogIn) -> str:
    return salted_hmac("accounts.log_ins", row.session_key, algorithm="sha256").hexdigest()[:32]
