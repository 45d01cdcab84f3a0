"""Sharing a chat, and what is shared as anybody sees it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat import presentation, sharing
from chat.access import get_session
from chat.requests import HtmxRequest, SeeOther, login_needed
from chat.sidebar import sidebar_context
from chat.titles import title_from


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def share(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """GET: the links to this chat; POST: makes one, down to the turn `at` or to the end of what the chat shows."""
    session = get_session(request.user, session_id)
    status = 200
    at = presentation.part_of(request.POST if request.method == "POST" else request.GET).at
    if request.method == "POST":
        try:
            sharing.share(session=session, at=at)
            messages.success(request, _("Here is the link. Whoever has it can read this chat."))
            return SeeOther(reverse("share_session", args=[session.pk]))
        except sharing.NothingToShare:
            status = 409
    links = [(link, request.build_absolute_uri(link.get_absolute_url())) for link in sharing.links_of(session)]
    context = {"item": session, "links": links, "at": at, "is_empty": status == 409}
    return render(request, "chat/share.html", {**context, **sidebar_context(request.user)}, status=status)


@require_POST
@login_needed
def revoke(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Let a link lead nowhere from now on."""
    session = get_session(request.user, session_id)
    if not sharing.revoke(session=session, token=request.POST.get("token", "").replace("\0", "")):
        raise Http404
    messages.success(request, _("The link leads nowhere now."))
    return SeeOther(reverse("share_session", args=[session.pk]))


@never_cache
@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """What a link shows, to anybody: turns and nothing of who asked."""
    interactions = sharing.read_shared(token)
    # Not the chat's own name, which its owner may change to what is nobody else's business.
    title = title_from(interactions[0].query_text) if interactions else ""
    turns = [presentation.finished_turn(one) for one in interactions]
    response = render(request, "chat/shared.html", {"title": title, "turns": turns})
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response
