"""What all chat views share: who is asking, and answers for HTMX and for plain requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django_htmx.http import reswap, retarget
from django_htmx.middleware import HtmxDetails

from accounts.models import User
from accounts.sessions import SessionStore, account_of, user_of
from chat.process import current
from limits.refusals import LimitReached

P = ParamSpec("P")


class HtmxRequest(HttpRequest):
    """A request that went through django-htmx's middleware, by somebody logged in."""

    htmx: HtmxDetails
    user: User


class SeeOther(HttpResponseRedirect):
    """303: the answer to a form is a page of its own, fetched with GET."""

    status_code = 303


async def look_who_asks(request: HttpRequest) -> User | AnonymousUser:
    """The user, from the event loop: log-ins that come at the same time are looked up together. From here on
    `request.user` and the session need no database."""
    session = request.session
    process = current()
    if process is not None and session.session_key is not None and isinstance(session, SessionStore):
        session.take(await process.log_ins(session.session_key))
        if account := account_of(session):
            request.user = account
            return account
    user: User | AnonymousUser = await sync_to_async(user_of)(request)
    request.user = user
    return user


def login_needed(
    view: Callable[Concatenate[HtmxRequest, P], HttpResponse],
) -> Callable[Concatenate[HtmxRequest, P], HttpResponse]:
    """Send a visitor to the log-in page; tell a page whose log-in has ended so in place: what was typed stays."""

    @wraps(view)
    def checked(request: HtmxRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        return log_in_first(request)

    return checked


def log_in_first(request: HtmxRequest) -> HttpResponse:
    if request.htmx:
        return notice(
            request,
            401,
            _("You are logged out"),
            _("Log in again in another tab, then send this again: what you wrote is still here."),
            log_in=True,
        )
    return redirect_to_login(request.get_full_path())


def limits_told(
    view: Callable[Concatenate[HtmxRequest, P], HttpResponse],
) -> Callable[Concatenate[HtmxRequest, P], HttpResponse]:
    """Answer 429, in words, where the user has reached a limit."""

    @wraps(view)
    def checked(request: HtmxRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except LimitReached as error:
            response = told(request, 429, _("Not yet"), str(error))
            response["Retry-After"] = str(error.retry_after_s)
            return response

    return checked


def told(request: HtmxRequest, status: int, title: str, advice: str) -> HttpResponse:
    """An error, in place or on a page of its own."""
    if request.htmx:
        return notice(request, status, title, advice)
    page = {"status": status, "title": title, "advice": advice}
    return render(request, "error.html", {"error": page}, status=status)


def notice(request: HttpRequest, status: int, title: str, advice: str, *, log_in: bool = False) -> HttpResponse:
    """An error told in place, above the composer; `log_in`: with a link to where one does that."""
    context: dict[str, Any] = {"error": {"title": title, "advice": advice, "log_in": log_in}}
    response = render(request, "_fragments/notice.html", context, status=status)
    return reswap(retarget(response, "#notice"), "innerHTML")
