"""The numbers in headers: `RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers has them, and for
clients of OpenAI's, which know no others, `x-ratelimit-*-requests`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from django.http import HttpRequest, HttpResponseBase
from rest_framework.request import Request

from limits.allowances import spend_request
from limits.gcra import Standing
from limits.refusals import LimitReached


def headers(standings: Sequence[Standing]) -> dict[str, str]:
    """Of an answer; none where no limit was looked at."""
    if not standings:
        return {}
    tightest = min(standings, key=lambda one: one.remaining)
    return {
        "RateLimit-Policy": ", ".join(
            f'"{one.policy.name}";q={one.policy.limit};w={one.policy.window_s:.0f}' for one in standings
        ),
        "RateLimit": ", ".join(f'"{one.policy.name}";r={one.remaining};t={_seconds(one)}' for one in standings),
        "x-ratelimit-limit-requests": str(tightest.policy.limit),
        "x-ratelimit-remaining-requests": str(tightest.remaining),
        "x-ratelimit-reset-requests": f"{math.ceil(tightest.reset_s)}s",
    }


def _seconds(standing: Standing) -> int:
    """Until there is more: one more where there is none."""
    return math.ceil(standing.retry_after_s or standing.reset_s)


def headers_of_refusal(error: LimitReached) -> dict[str, str]:
    return {"Retry-After": str(error.retry_after_s), **headers(error.standings)}


def count_request(request: HttpRequest | Request, *, user_id: int, token_id: int | None = None) -> None:
    """A request of somebody who is known now; what is left is kept for the response.

    Raises:
        Throttled
    """
    plain = request._request if isinstance(request, Request) else request
    # A refusal has said so itself, and is no request of nobody.
    plain.limits = ()  # type: ignore[attr-defined]
    plain.limits = spend_request(user_id=user_id, token_id=token_id)  # type: ignore[attr-defined]


def noted(request: HttpRequest) -> tuple[Standing, ...] | None:
    """None where nothing was counted for a user."""
    found: tuple[Standing, ...] | None = getattr(request, "limits", None)
    return found


def put(response: HttpResponseBase, values: Mapping[str, str]) -> None:
    """What the response says already stays."""
    for name, value in values.items():
        response.headers.setdefault(name, value)
