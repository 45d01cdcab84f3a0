"""Chats as files: downloaded, and brought in."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import reswap, retarget

from chat.access import get_session
from chat.database import in_thread
from chat.forms import ImportForm
from chat.requests import HtmxRequest, SeeOther, log_in_first, login_needed, look_who_asks, told
from chat.responses import Unbuffered
from chat.sidebar import sidebar_context
from chat.transfer import export
from chat.transfer.importing import Report, import_chats
from chat.transfer.markdown import file_name
from chat.transfer.reading import NotAnExport

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


# Taking in ------------------------------------------------------------------------------------------------------------

# How many chats are named that were left out for one reason.
NAMED = 3


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def import_sessions(request: HtmxRequest) -> HttpResponse:
    """GET: where a file is chosen; POST: takes its chats in, and says what came of it."""
    if request.method == "GET":
        return _import_page(request, ImportForm())
    form = ImportForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            report = import_chats(owner_id=request.user.pk, data=form.cleaned_data["file"].read())
        except NotAnExport as error:
            form.add_error("file", str(error.reason))
        else:
            for sentence in _sentences(report):
                messages.info(request, sentence)
            return SeeOther(reverse("import_sessions")) if not request.htmx else _import_page(request, ImportForm())
    return _import_page(request, form)


def _import_page(request: HtmxRequest, form: ImportForm) -> HttpResponse:
    context = {"form": form, "limit": settings.IMPORT_MAX_BYTES // 1_000_000, **sidebar_context(request.user)}
    template = "_fragments/imported.html" if request.htmx else "chat/import.html"
    response = render(request, template, context, status=422 if form.errors else 200)
    return reswap(retarget(response, "#import"), "outerHTML") if request.htmx else response


def _sentences(report: Report) -> list[str]:
    """What was taken in, and what was left out and why."""
    told = [_taken(report)] if report.chats or not report.left_out else []
    if report.skipped:
        told.append(
            ngettext(
                "%(count)d message of a tool or program was left out.",
                "%(count)d messages of tools and programs were left out.",
                report.skipped,
            )
            % {"count": report.skipped}
        )
    return told + [_left_out(str(reason), titles) for reason, titles in report.left_out.items()]


def _taken(report: Report) -> str:
    chats = ngettext("%(count)d chat", "%(count)d chats", report.chats) % {"count": report.chats}
    questions = ngettext("%(count)d question", "%(count)d questions", report.messages) % {"count": report.messages}
    return _("Imported: %(chats)s with %(questions)s.") % {"chats": chats, "questions": questions}


def _left_out(reason: str, titles: list[str]) -> str:
    named = [_("“%(title)s”") % {"title": title} for title in titles if title][:NAMED]
    sentence = ngettext(
        "%(count)d chat was left out: %(reason)s.", "%(count)d chats were left out: %(reason)s.", len(titles)
    ) % {"count": len(titles), "reason": reason}
    return " ".join([sentence, *named, *(["…"] if named and len(titles) > len(named) else [])])
