"""What a browser remembers of its user's choices, so that pages without a log-in, and errors while the database is
away, speak the same language in the same colours. The account has the choice; the cookies follow it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.functional import empty

from accounts.models import Theme, User

THEME_COOKIE = "theme"
COOKIE_AGE = timedelta(days=365)


@transaction.atomic
def change(*, user: User, chosen: Mapping[str, Any], check: Callable[[User], None] | None = None) -> User:
    """Give fields of an account these values, which were checked; the others stay as they are.

    Args:
        check: is called with the account as it is, while nobody else can change it. If it raises, nothing is changed.

    Returns:
        The account as it is then.

    Raises:
        Http404: it was deleted meanwhile.
    """
    found = get_object_or_404(User.objects.select_for_update(no_key=True), pk=user.pk)
    if check is not None:
        check(found)
    for name, value in chosen.items():
        setattr(found, name, value)
    if chosen:
        found.save(update_fields=list(chosen))
    return found


def user_if_known(request: HttpRequest) -> User | None:
    """The user of the request if somebody has looked already: nothing here is worth a query."""
    user = getattr(request, "user", None)
    if user is None or getattr(user, "_wrapped", user) is empty or not user.is_authenticated:
        return None
    known: User = user
    return known


def remember(request: HttpRequest, response: HttpResponseBase) -> None:
    """Bring the cookies in line with the account, where the request has looked at one."""
    user = user_if_known(request)
    if user is None:
        return
    _keep(request, response, settings.LANGUAGE_COOKIE_NAME, user.language)
    _keep(request, response, THEME_COOKIE, "" if user.theme == Theme.SYSTEM else user.theme)


def _keep(request: HttpRequest, response: HttpResponseBase, name: str, value: str) -> None:
    if request.COOKIES.get(name, "") == value:
        return
    if not value:
        response.delete_cookie(name, samesite="Lax")
        return
    response.set_cookie(
        name, value, max_age=COOKIE_AGE, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
    )


def theme_of(request: HttpRequest) -> str:
    user = user_if_known(request)
    theme = user.theme if user else request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in Theme.values else Theme.SYSTEM


def appearance(request: HttpRequest) -> dict[str, str]:
    """For all templates: `theme`, one of Theme's values."""
    return {"theme": theme_of(request)}
