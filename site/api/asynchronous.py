"""Plain async views with DRF's errors and simplejwt's tokens: DRF's own views are synchronous, and a call that waits
for the model must not hold a thread. A view looks at who asks in the same thread as at what is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from functools import lru_cache, wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token
from rest_framework_simplejwt.utils import aware_utcnow

from accounts.jwts import generation_of
from accounts.models import User
from api.authentication import BearerAuthentication, is_personal, personal_token, refuse_personal
from api.errors import headers_of, of_exception
from chat.database import in_thread
from limits.headers import count_request
from limits.refusals import LimitReached

P = ParamSpec("P")

_authentication = BearerAuthentication()


class Asker(NamedTuple):
    """Who asks, as far as a token tells.

    Attributes:
        generation: of their access tokens, the one that this token is good in; None for a personal token.
    """

    id: int
    generation: int | None


View = Callable[Concatenate[HttpRequest, P], Coroutine[Any, Any, HttpResponseBase]]

# Makes the response to an exception of its status and the JSON of `api.errors`.
Render = Callable[[Exception, int, dict[str, Any]], HttpResponseBase]


def as_problem(error: Exception, status: int, content: dict[str, Any]) -> HttpResponseBase:
    return JsonResponse(content, status=status, content_type="application/problem+json")


def api_view(*methods: str, render: Render = as_problem) -> Callable[[View[P]], View[P]]:
    """For a view that takes these methods, and raises DRF's exceptions."""

    def decorate(view: View[P]) -> View[P]:
        @csrf_exempt  # no cookie is looked at, so there is nothing to forge
        @wraps(view)
        async def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            try:
                if request.method not in methods:
                    raise exceptions.MethodNotAllowed(request.method or "")
                return await view(request, *args, **kwargs)
            except Exception as error:
                return _error_response(error, methods, render)

        return checked

    return decorate


def authenticate(request: HttpRequest) -> User:
    """The user whose token the request carries. One query.

    Raises:
        AuthenticationFailed, NotAuthenticated, InvalidToken, PermissionDenied, Throttled
    """
    raw = _raw_token(request)
    if is_personal(raw):
        row = personal_token(raw, request.method or "")
        count_request(request, user_id=row.owner_id, token_id=row.pk)
        return row.owner
    user = _authentication.get_user(_token(raw))
    count_request(request, user_id=user.pk)
    return user


def authenticate_by_access_token(request: HttpRequest) -> User:
    """The same for what no personal token may do."""
    refuse_personal(_raw_token(request))
    return authenticate(request)


async def refuse_stranger(request: HttpRequest) -> HttpResponseBase | None:
    """The answer to a request without a token that may be used for it, before its body is read; None for all others.
    While the database is away it is for the view to say so."""
    try:
        await in_thread(authenticate, request)
    except (exceptions.APIException, LimitReached) as error:
        return _error_response(error, (), as_problem)
    except (OperationalError, InterfaceError):
        pass
    return None


async def asker(request: HttpRequest) -> Asker:
    """The same, by an access token alone where it is one: whether that user is still there and active, and of that
    generation, is left to whoever uses the id (`chat.accepting` looks at it with all else).

    Raises:
        AuthenticationFailed, NotAuthenticated, InvalidToken, PermissionDenied, Throttled
    """
    raw = _raw_token(request)
    if is_personal(raw):
        row = await in_thread(personal_token, raw, request.method or "")
        count_request(request, user_id=row.owner_id, token_id=row.pk)
        return Asker(row.owner_id, None)
    token = _token(raw)
    owner_id = int(token[api_settings.USER_ID_CLAIM])
    count_request(request, user_id=owner_id)
    return Asker(owner_id, generation_of(token))


def _raw_token(request: HttpRequest) -> bytes:
    header = _authentication.get_header(request)  # type: ignore[arg-type]  # reads request.META alone
    raw = _authentication.get_raw_token(header) if header else None
    if raw is None:
        raise exceptions.NotAuthenticated
    return raw


def _token(raw: bytes) -> Token:
    token = _verified(raw)
    try:
        token.check_exp(current_time=aware_utcnow())
    except TokenError as error:
        raise InvalidToken(str(error)) from None
    return token


@lru_cache(maxsize=2000)
def _verified(raw: bytes) -> Token:
    """A token is used for many requests, and its signature stays what it is; what may change is looked at each time."""
    return _authentication.get_validated_token(raw)


def _error_response(error: Exception, methods: tuple[str, ...], render: Render) -> HttpResponseBase:
    found = of_exception(error)
    if found is None:
        raise error
    status, content = found
    response = render(error, status, content)
    for name, value in headers_of(error).items():
        response[name] = value
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="api"'
    if status == 405:
        response["Allow"] = ", ".join(methods)
    return response


def read_json(request: HttpRequest) -> Any:
    """The JSON body.

    Raises:
        ParseError: it is no JSON.
    """
    if request.content_type != "application/json":
        raise exceptions.UnsupportedMediaType(request.content_type or "")
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise exceptions.ParseError("The body is not valid JSON.") from None
