"""The page of a chat, and asking in it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import push_url, reswap, retarget

from chat import conversation, presentation
from chat.access import get_session
from chat.admission import TooManyRunning
from chat.context import QueryTooLong
from chat.forms import QueryForm, too_long
from chat.length import check_length
from chat.models import Interaction
from chat.requests import HtmxRequest, SeeOther, login_needed


@require_GET
def home(request: HtmxRequest) -> HttpResponse:
    return redirect("new_chat")


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def new_chat(request: HtmxRequest) -> HttpResponse:
    """An empty chat; its first question makes the session."""
    if request.method == "POST":
        return _ask(request, None)
    return render(request, "chat/chat.html", presentation.page_context(request.user, None))


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def session(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """One chat, and the next question in it."""
    if request.method == "POST":
        return _ask(request, session_id)
    found = get_session(request.user, session_id)
    context = presentation.page_context(request.user, found, show_all="all" in request.GET)
    return render(request, "chat/chat.html", context)


def _ask(request: HtmxRequest, session_id: UUID | None) -> HttpResponse:
    form = QueryForm(request.POST)
    if not form.is_valid():
        return _refused(request, session_id, form)
    try:
        check_length(owner_id=request.user.pk, session_id=session_id, query=form.cleaned_data["query"])
        interaction = conversation.ask(
            owner_id=request.user.pk,
            session_id=session_id,
            query=form.cleaned_data["query"],
            idempotency_key=form.cleaned_data["idempotency_key"],
        )
    except QueryTooLong as error:
        form.add_error("query", too_long(error))
        return _refused(request, session_id, form)
    except TooManyRunning as error:
        form.add_error("query", str(error))
        response = _refused(request, session_id, form, status=429)
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
        **presentation.composer_context(),
    }
    return render(request, "_fragments/asked.html", context)


def _refused(request: HtmxRequest, session_id: UUID | None, form: QueryForm, status: int = 422) -> HttpResponse:
    found = get_session(request.user, session_id) if session_id else None
    if request.htmx:
        context = {"session": found, "form": form}
        response = render(request, "_fragments/composer.html", context, status=status)
        return reswap(retarget(response, "#composer"), "outerHTML")
    context = presentation.page_context(request.user, found, form=form)
    return render(request, "chat/chat.html", context, status=status)
