"""ETags: so that a client that writes knows it has read what is there, and one that reads again reads nothing twice.

An ETag is a digest of what is answered. `If-Match` is looked at where a row is locked, so of two clients that change
the same at once one is told that it comes too late. Without `If-Match` the last one wins.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api.codes import CODES


class PreconditionFailed(APIException):
    """What a client wants to change is no more what it has read. `etag` is that of what is there now."""

    status_code = 412
    default_code = "precondition_failed"
    default_detail = CODES["precondition_failed"].detail

    def __init__(self, etag: str) -> None:
        super().__init__()
        self.etag = etag


def etag_of(data: Any) -> str:
    """The strong ETag of what a serializer gives."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def require_match(request: Request, data: Any) -> None:
    """Look whether the client knows what is there. Call it while nobody else can change that.

    Raises:
        PreconditionFailed
    """
    given = _given(request, "If-Match")
    if given is None or "*" in given:
        return
    there = etag_of(data)
    if there not in given:
        raise PreconditionFailed(there)


def answer(request: Request, data: Any) -> Response | HttpResponse:
    """The response to a GET: what there is with its ETag, or 304 to who has it already."""
    etag = etag_of(data)
    given = _given(request, "If-None-Match")
    if given is not None and ("*" in given or etag in given):
        response = HttpResponseNotModified()
        response["ETag"] = etag
        return response
    return Response(data, headers={"ETag": etag})


def _given(request: Request, name: str) -> list[str] | None:
    """None without the header; none where it is no list of ETags: that matches nothing, so nothing is changed for it.
    Weak ETags count as strong ones: a proxy that compresses makes them weak, and what it says is the same."""
    header = request.headers.get(name)
    return None if header is None else [one.removeprefix("W/") for one in parse_etags(header)]
