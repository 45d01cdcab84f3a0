"""The chat pages. Every action takes a plain form, answered 303, and the same form from HTMX, answered by a
fragment."""

from __future__ import annotations

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, push_url, reswap, retarget

from chat import conversation, presentation
from chat.access import get_interaction, get_session, sessions_of
from chat.admission import TooManyRunning
from chat.forms import QueryForm, TitleForm
from chat.models import ChatSession, Interaction
from chat.requests import HtmxRequest, SeeOther, limits_told, login_needed, notice

SESSIONS_PER_PAGE = 50


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
        interaction = conversation.ask(
            owner_id=request.user.pk,
            session_id=session_id,
            query=form.cleaned_data["query"],
            idempotency_key=form.cleaned_data["idempotency_key"],
        )
    except TooManyRunning as error:
        form.add_error("query", str(error))
        response = _refused(request, session_id, form, status=429)
        response["Retry-After"] = str(error.retry_after_s)
        return response
    if not request.htmx:
        return SeeOther(interaction.session.get_absolute_url())
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


@never_cache
@require_GET
@login_needed
def all_sessions(request: HtmxRequest) -> HttpResponse:
    """Every chat of the user, page by page."""
    page = Paginator(sessions_of(request.user), SESSIONS_PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, **presentation.sidebar_context(request.user)}
    return render(request, "chat/sessions.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def rename(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """GET: the form, as a page or in the list's place; POST: the new name."""
    found = get_session(request.user, session_id)
    form = TitleForm(request.POST or None, initial={"title": found.title})
    if request.method == "POST" and form.is_valid():
        conversation.rename(session=found, title=form.cleaned_data["title"])
        return _renamed(request, found)
    context = {"item": found, "form": form}
    status = 422 if form.is_bound else 200
    if not request.htmx:
        context |= presentation.sidebar_context(request.user)
        return render(request, "chat/rename.html", context, status=status)
    response = render(request, "_fragments/rename.html", context, status=status)
    if form.is_bound:
        reswap(retarget(response, f"#session-{found.pk} .rename"), "outerHTML")
    return response


def _renamed(request: HtmxRequest, found: ChatSession) -> HttpResponse:
    """The list's item; where the chat itself is open, also the title above it."""
    if not request.htmx:
        return SeeOther(found.get_absolute_url())
    is_open = found.get_absolute_url() in (request.htmx.current_url or "")
    return render(request, "_fragments/renamed.html", {"item": found, "session": found if is_open else None})


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def delete(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """GET: asks once more; POST: deletes the chat."""
    found = get_session(request.user, session_id)
    if request.method == "GET":
        context = {"item": found, **presentation.sidebar_context(request.user)}
        return render(request, "chat/delete.html", context)
    was_open = request.htmx and found.get_absolute_url() in (request.htmx.current_url or "")
    conversation.delete_session(session=found)
    if was_open:
        return HttpResponseClientRedirect(reverse("new_chat"))
    return HttpResponse() if request.htmx else SeeOther(reverse("new_chat"))


@require_POST
@login_needed
def stop(request: HtmxRequest, interaction_id: UUID) -> HttpResponse:
    """Stop an answer. With HTMX nothing needs swapping: the stream brings the end of it."""
    interaction = get_interaction(request.user, interaction_id)
    conversation.request_stop(interaction=interaction)
    return HttpResponse(status=204) if request.htmx else SeeOther(interaction.session.get_absolute_url())


@require_POST
@login_needed
@limits_told
def regenerate(request: HtmxRequest, interaction_id: UUID) -> HttpResponse:
    """Ask the same question again, for another answer or after a failure."""
    interaction = get_interaction(request.user, interaction_id)
    return _going_on(request, conversation.regenerate(interaction=interaction))


@require_POST
@login_needed
@limits_told
def continue_answer(request: HtmxRequest, interaction_id: UUID) -> HttpResponse:
    """Go on with an answer that was stopped, failed or cut, from the text it has."""
    interaction = get_interaction(request.user, interaction_id)
    try:
        return _going_on(request, conversation.continue_answer(interaction=interaction))
    except conversation.NotContinuable:
        if request.htmx:
            return notice(request, 409, "This answer is whole", "There is nothing to continue. Reload the page.")
        return SeeOther(interaction.session.get_absolute_url())


def _going_on(request: HtmxRequest, interaction: Interaction) -> HttpResponse:
    """The turn whose answer is being written now."""
    if not request.htmx:
        return SeeOther(interaction.session.get_absolute_url())
    context = {"session": interaction.session, "turn": presentation.turns_of([interaction])[0]}
    return render(request, "_fragments/turn.html", context)
