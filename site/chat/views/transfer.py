"""Chats as files: downloaded, and brought in."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from chat.access import get_session
from chat.database import in_thread
from chat.requests import HtmxRequest, log_in_first, look_who_asks, told
from chat.responses import Unbuffered
from chat.transfer import export
from chat.transfer.markdown import file_name

TYPES = {"json": "application/json", "md": "text/markdown; charset=utf-8"}


@never_cache
@require_GET
async def export_session(request: HtmxRequest, session_id: UUID) -> HttpResponseBase:
    """One chat: `format=md` has the path that is shown (through `at`, if given), json all of it."""
    user = await look_who_asks(request)
    if not user.is_authenticated:
        return log_in_first(request)
    found = await in_thread(get_session, user, session_id)
    return await _download(request, [found.pk], request.GET, title=str(found))


@never_cache
@require_http_methods(["GET", "POST"])
async def export_sessions(request: HtmxRequest) -> HttpResponseBase:
    """The chats that are named as `session`, or all; POST, too, where they were selected in a form."""
    user = await look_who_asks(request)
    if not user.is_authenticated:
        return log_in_first(request)
    given = request.POST if request.method == "POST" else request.GET
    chosen = _ids(given.getlist("session"))
    title = _("Chats of %(day)s") % {"day": timezone.localdate().isoformat()}
    return await _download(request, chosen or None, given, title=title)


def _ids(values: Collection[object]) -> list[UUID]:
    """What is no id names no chat; but it is no reason to send all of them."""
    return [one if (one := _id(str(value))) else UUID(int=0) for value in values]


def _id(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


async def _download(
    request: HtmxRequest, session_ids: Collection[UUID] | None, given: QueryDict, *, title: str
) -> HttpResponse | Unbuffered:
    ending = given.get("format", "json")
    if ending not in TYPES:
        advice = _("Chats can be had as Markdown (format=md) or as JSON (format=json).")
        return await sync_to_async(told)(request, 400, _("There is no such format"), advice)
    owner_id = request.user.pk
    if ending == "json":
        pieces = export.json_of(owner_id=owner_id, session_ids=session_ids)
    else:
        at, language = _id(given.get("at", "")), get_language() or "en"
        pieces = export.markdown_of(owner_id=owner_id, session_ids=session_ids, at=at, language=language)
    response = Unbuffered(pieces, content_type=TYPES[ending])
    header = content_disposition_header(as_attachment=True, filename=file_name(title, ending))
    response["Content-Disposition"] = header or "attachment"
    return response
