"""The page of a chat, and asking in it."""

from __future__ import annotations

from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRedirect, push_url, reswap, retarget

from chat import conversation, presentation
from chat.accepting import NothingToFollow
from chat.access import get_session
from chat.asked import asked_html, asked_html_looked_up
from chat.context import QueryTooLong
from chat.forms import QueryForm, too_long
from chat.length import check_length, is_long
from chat.models import ChatSession
from chat.presentation import Part
from chat.requests import HtmxRequest, SeeOther, log_in_first, look_who_asks
from limits.refusals import LimitReached


@require_GET
def home(request: HtmxRequest) -> HttpResponse:
    return redirect("new_chat")


@never_cache
@require_http_methods(["GET", "POST"])
async def new_chat(request: HtmxRequest) -> HttpResponse:
    """An empty chat; its first question makes the session."""
    return await _chat(request, None)


@never_cache
@require_http_methods(["GET", "POST"])
async def session(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """One chat, and the next question in it."""
    return await _chat(request, session_id)


async def _chat(request: HtmxRequest, session_id: UUID | None) -> HttpResponse:
    user = await look_who_asks(request)
    if not user.is_authenticated:
        return log_in_first(request)
    if request.method == "POST":
        return await _ask(request, session_id)
    return await sync_to_async(_page)(request, session_id)


def _page(request: HtmxRequest, session_id: UUID | None) -> HttpResponse:
    found = get_session(request.user, session_id) if session_id else None
    part = presentation.part_of(request.GET)
    if found and request.htmx:
        return _part(request, found, part)
    return render(request, "chat/chat.html", presentation.page_context(request.user, found, part=part))


def _part(request: HtmxRequest, session: ChatSession, part: Part) -> HttpResponse:
    """Turns for the page that is there: earlier ones, later ones, or those of another path in place of all."""
    context = presentation.thread_context(session, part)
    if part.before:
        return render(request, "_fragments/earlier.html", context)
    if part.after:
        return render(request, "_fragments/later.html", context)
    if context["later_url"]:
        # What is asked on such a page is not below what the page shows: it is a page of its own, see chat.html.
        return HttpResponseClientRedirect(f"{request.get_full_path()}#turn-{part.at}")
    return render(request, "_fragments/path.html", context)


async def _ask(request: HtmxRequest, session_id: UUID | None) -> HttpResponse:
    """On the event loop as far as it goes: questions are what comes most and all at once."""
    form = QueryForm(request.POST)
    if not form.is_valid():
        if "after" in form.errors:
            raise Http404
        return await sync_to_async(_refused)(request, session_id, form)
    try:
        query = form.cleaned_data["query"]
        if is_long(query):
            await sync_to_async(check_length)(owner_id=request.user.pk, session_id=session_id, query=query)
        interaction = await conversation.ask_from_loop(
            owner_id=request.user.pk,
            session_id=session_id,
            after=form.cleaned_data["after"],
            query=query,
            idempotency_key=form.cleaned_data["idempotency_key"],
        )
    except QueryTooLong as error:
        form.add_error("query", too_long(error))
        return await sync_to_async(_refused)(request, session_id, form)
    except LimitReached as error:
        form.add_error("query", str(error))
        response = await sync_to_async(_refused)(request, session_id, form, status=429)
        response["Retry-After"] = str(error.retry_after_s)
        return response
    except NothingToFollow:
        form.data = {**request.POST.dict(), "after": ""}
        form.add_error("query", _("What this was to follow was deleted. Send it again, then it follows what is there."))
        return await sync_to_async(_refused)(request, session_id, form, status=409)
    if not request.htmx:
        return SeeOther(interaction.session.get_live_url())
    asked = asked_html(request, request.user, interaction)
    if asked is None:
        asked = await sync_to_async(asked_html_looked_up)(request, interaction)
    response = HttpResponse(asked)
    return push_url(response, interaction.session.get_absolute_url()) if session_id is None else response


def _refused(request: HtmxRequest, session_id: UUID | None, form: QueryForm, status: int = 422) -> HttpResponse:
    found = get_session(request.user, session_id) if session_id else None
    if request.htmx:
        context = {"session": found, **presentation.composer_context(form)}
        response = render(request, "_fragments/composer.html", context, status=status)
        return reswap(retarget(response, "#composer"), "outerHTML")
    part = presentation.part_of({"at": form["after"].value()})
    context = presentation.page_context(request.user, found, form=form, part=part)
    return render(request, "chat/chat.html", context, status=status)
