"""The list of chats, and what is done to a chat as a whole."""

from __future__ import annotations

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget

from chat import conversation, presentation
from chat.access import get_session, sessions_of
from chat.forms import TitleForm
from chat.models import ChatSession
from chat.requests import HtmxRequest, SeeOther, login_needed

SESSIONS_PER_PAGE = 50


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
