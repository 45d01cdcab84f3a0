"""Django's own middleware without a thread for each of them.

Under ASGI, Django runs the two halves of every synchronous middleware in a thread, in case they block: sixteen
hand-overs a request with the list in `settings`, about half the cost of a small page, and a thread kept for each open
stream. The classes here do not block, so they are run where the request is; the exceptions, a session to be saved and
messages to be stored, still get their thread.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import csp.middleware
from asgiref.sync import sync_to_async
from csp.constants import HEADER
from csp.utils import build_policy
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.gzip import GZipMiddleware
from django.middleware.locale import LocaleMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject
from django.utils.translation import activate, get_language, get_language_from_request

from accounts.preferences import remember
from accounts.sessions import user_of

_ZONE_NAME = re.compile(r"[A-Za-z0-9_+\-]{1,20}(/[A-Za-z0-9_+\-]{1,30}){0,2}")

FirstHalf = Callable[[HttpRequest], HttpResponseBase | None]
SecondHalf = Callable[[HttpRequest, HttpResponseBase], HttpResponseBase]


class Inline(MiddlewareMixin):
    """Mixed in before one of Django's classes. `may_block` says for which requests its second half needs a thread."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        before: FirstHalf | None = getattr(self, "process_request", None)
        response = before(request) if before else None
        response = response or await cast("Awaitable[HttpResponseBase]", self.get_response(request))
        after: SecondHalf | None = getattr(self, "process_response", None)
        if after is None:
            return response
        if self.may_block(request):
            return await sync_to_async(after)(request, response)
        return after(request, response)

    def may_block(self, request: HttpRequest) -> bool:
        return False


class InlineSecurity(Inline, SecurityMiddleware):
    pass


class InlineHead(Inline, MiddlewareMixin):
    """HEAD is GET without the body, for every page alike: no view needs to know of it, and none can take it for a form.
    What is outside of it takes the method from the connection."""

    def process_request(self, request: HttpRequest) -> None:
        if request.method == "HEAD":
            request.method = "GET"
            request.without_body = True  # type: ignore[attr-defined]

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not getattr(request, "without_body", False):
            return response
        if response.streaming:  # a stream that nobody reads is not begun
            return HttpResponse(status=response.status_code, headers=dict(response.items()))
        cast("HttpResponse", response).content = b""  # its length is told already
        return response


class InlineCompression(Inline, GZipMiddleware):
    """Whole pages only: fragments are small, and a stream is sent as it comes.

    A page has the reader's words beside form tokens. Its length does not give them away: Django masks each token anew
    in every response, and the middleware adds padding of random length.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_page = response.get("Content-Type", "").startswith("text/html") and not response.streaming
        if not is_page or request.headers.get("HX-Request"):
            return response
        return super().process_response(request, response)


class InlineContentSecurityPolicy(Inline, csp.middleware.CSPMiddleware):
    """No view changes the policy, so the library puts it together once instead of twice a request."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self._policy = build_policy()

    def process_request(self, request: HttpRequest) -> None:
        """No nonces: there is no inline script or style."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault(HEADER, self._policy)
        return response


class InlineSession(Inline, SessionMiddleware):
    def may_block(self, request: HttpRequest) -> bool:
        return request.session.modified


class InlineLocale(Inline, LocaleMiddleware):
    """The language is the one that the user chose, which a cookie says, or the one that the browser asks for; no
    address names it. Programs are answered in English: they read the `code`."""

    def process_request(self, request: HttpRequest) -> None:
        chosen = settings.LANGUAGE_CODE if is_for_programs(request) else get_language_from_request(request)
        activate(chosen)
        request.LANGUAGE_CODE = chosen

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not is_for_programs(request):
            remember(request, response)
            patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", get_language() or settings.LANGUAGE_CODE)
        return response


def is_for_programs(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/v1/"))


class InlineCommon(Inline, CommonMiddleware):
    pass


class InlineCsrf(Inline, CsrfViewMiddleware):
    async def process_view(self, request: HttpRequest, *view: Any) -> HttpResponseBase | None:  # type: ignore[override]
        check = super().process_view
        # It reads the form for its token. One with a file is large.
        if request.content_type == "multipart/form-data":
            return await sync_to_async(check)(request, *view)
        return check(request, *view)


class InlineAuthentication(Inline, AuthenticationMiddleware):
    """Its user comes with the session, by the same statement."""

    def process_request(self, request: HttpRequest) -> None:
        request.user = SimpleLazyObject(lambda: user_of(request))  # type: ignore[assignment]
        request.auser = sync_to_async(lambda: user_of(request))


class InlineMessages(Inline, MessageMiddleware):
    def may_block(self, request: HttpRequest) -> bool:
        messages = request._messages  # type: ignore[attr-defined]  # where Django keeps them
        return bool(messages.used or messages.added_new)


class TimeZone(Inline):
    """Days and times as the reader's clock has them: pages put the browser's time zone into a cookie."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        with timezone.override(zone_named(request.COOKIES.get("timezone", ""))):
            return await cast("Awaitable[HttpResponseBase]", self.get_response(request))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with timezone.override(zone_named(request.COOKIES.get("timezone", ""))):
            return cast("HttpResponseBase", self.get_response(request))


@lru_cache(maxsize=1000)
def zone_named(name: str) -> ZoneInfo | None:
    """None for what is no time zone: UTC then."""
    if not _ZONE_NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return None


class InlineFrameOptions(Inline, XFrameOptionsMiddleware):
    pass
