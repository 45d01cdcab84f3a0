"""Browsers from which an account was logged in before, known by a cookie: for log-ins from there, guesses made
elsewhere do not count (`attempts`). The idea is OWASP's, "Slow Down Online Guessing Attacks with Device Cookies".

The cookie is sent to the log-in page alone and says nothing but that: it logs nobody in. It has an entry for each
account that was logged in with the browser, `ACCOUNT-NUMBER-SIGNATURE`, the account as a hash.
"""

from __future__ import annotations

import secrets
import unicodedata
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

COOKIE = "device"
LASTS = timedelta(days=365)
MOST_ACCOUNTS = 8


def device_of(request: HttpRequest, account: str) -> str:
    """The number of this browser for an account that was logged in with it before; "" for any other."""
    return next((_number(entry) for entry in _entries(request) if _is_of(entry, account)), "")


def remember_device(request: HttpRequest, response: HttpResponseBase, account: str) -> None:
    """The account was logged in with this browser."""
    number = device_of(request, account) or secrets.token_hex(8)
    others = [entry for entry in _entries(request) if not _is_of(entry, account)]
    response.set_cookie(
        COOKIE,
        ".".join([_entry(account, number), *others][:MOST_ACCOUNTS]),
        max_age=LASTS,
        path=reverse("login"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _entries(request: HttpRequest) -> list[str]:
    return [one for one in request.COOKIES.get(COOKIE, "").split(".")[:MOST_ACCOUNTS] if one.count("-") == 2]


def _number(entry: str) -> str:
    return entry.split("-")[1]


def _is_of(entry: str, account: str) -> bool:
    return constant_time_compare(entry, _entry(account, _number(entry)))


def _entry(account: str, number: str) -> str:
    account = unicodedata.normalize("NFKC", account)
    named = salted_hmac("limits.devices.account", account, algorithm="sha256").hexdigest()[:16]
    signature = salted_hmac("limits.devices", f"{account}\0{number}", algorithm="sha256").hexdigest()[:40]
    return f"{named}-{number}-{signature}"
