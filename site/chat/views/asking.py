"""The page of a chat, and asking in it."""

from __future__ import annotations

from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import push_url, reswap, retarget

from chat import conversation, presentation, tickets
from chat.access import get_session
from chat.admission import TooManyRunning
from chat.context import QueryTooLong
from chat.forms import QueryForm, too_long
from chat.length import check_length, is_long
from chat.models import Interaction
from chat.requests import HtmxRequest, SeeOther, log_in_first, look_who_asks


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
    context = presentation.page_context(request.user, found, show_all="all" in request.GET)
    return render(request, "chat/chat.html", context)


async def _ask(request: HtmxRequest, session_id: UUID | None) -> HttpResponse:
    """On the event loop as far as it goes: questions are what comes most and all at once."""
    form = QueryForm(request.POST)
    if not form.is_valid():
        return await sync_to_async(_refused)(request, session_id, form)
    try:
        query = form.cleaned_data["query"]
        if is_long(query):
            await sync_to_async(check_length)(owner_id=request.user.pk, session_id=session_id, query=query)
        interaction = await conversation.ask_from_loop(
            owner_id=request.user.pk,
            session_id=session_id,
            query=query,
            idempotency_key=form.cleaned_data["idempotency_key"],
        )
    except QueryTooLong as error:
        form.add_error("query", too_long(error))
        return await sync_to_async(_refused)(request, session_id, form)
    except TooManyRunning as error:
        form.add_error("query", str(error))
        response = await sync_to_async(_refused)(request, session_id, form, status=429)
        response["Retry-After"] = str(error.retry_after_s)
        return response
    if not request.htmx:
        return SeeOther(interaction.session.get_live_url())
    response = _asked(request, interaction)
    return push_url(response, interaction.session.get_absolute_url()) if session_id is None else response


def _asked(request: HtmxRequest, interaction: Interaction) -> HttpResponse:
    """The new turn, and what else on the page changes with it."""
    context = {
        "session": interaction.session,
        "turn": presentation.asked_turn(interaction),
        "ticket": tickets.make(interaction.pk, request.session.session_key),
        **presentation.composer_context(),
    }
    return render(request, "_fragments/asked.html", context)


def _refused(request: HtmxRequest, session_id: UUID | None, form: QueryForm, status: int = 422) -> HttpResponse:
    found = get_session(request.user, session_id) if session_id else None
    if request.htmx:
        context = {"session": found, **presentation.composer_context(form)}
        response = render(request, "_fragments/composer.html", context, status=status)
        return reswap(retarget(response, "#composer"), "outerHTML")
    context = presentation.page_context(request.user, found, form=form)
    return render(request, "chat/chat.html", context, status=status)
