"""The API's limits for those whom nobody knows, by address, and the numbers of every limit in the headers. Whom a token
names is counted where the token is read: `limits.headers.count_request`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from api.errors import of_exception, problem
from api.openai.errors import openai_error
from config.middleware import Inline, is_for_programs
from limits.allowances import spend_anonymous_request
from limits.headers import headers, headers_of_refusal, noted, put
from limits.refusals import Throttled
from limits.requests import address_of


class InlineThrottling(Inline, MiddlewareMixin):
    """Whoever sends no token is counted before anything is done. Whose token is not good is counted after that was
    found out: many may be behind one address, and the others' tokens are."""

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        if not is_for_programs(request) or "Authorization" in request.headers:
            return None
        return self._count(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not is_for_programs(request):
            return response
        if noted(request) is None:
            refused = self._count(request)
            if refused is not None and response.status_code == 401:
                return refused
        put(response, headers(noted(request) or ()))
        return response

    def _count(self, request: HttpRequest) -> HttpResponseBase | None:
        request.limits = ()  # type: ignore[attr-defined]
        try:
            request.limits = spend_anonymous_request(address=address_of(request))  # type: ignore[attr-defined]
        except Throttled as error:
            return _refusal(request, error)
        return None


def _refusal(request: HttpRequest, error: Throttled) -> HttpResponseBase:
    found = of_exception(error)
    assert found is not None  # noqa: S101 - it is one of those that stand for an answer
    status, content = found
    make = openai_error if request.path.startswith("/v1/") else problem
    response = make(status, content["code"], content["detail"])
    put(response, headers_of_refusal(error))
    return response
