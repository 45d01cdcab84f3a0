"""Sharing a chat, and what is shared as anybody sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.paginator import InvalidPage, Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat import history, presentation, sharing
from chat.access import get_session
from chat.markdown import render as markdown
from chat.models import ChatSession, Interaction, Status
from chat.requests import HtmxRequest, SeeOther, login_needed
from chat.sidebar import sidebar_context

# Long conversations have several pages.
TURNS_ON_A_PAGE = 50


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def share(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """GET: the links to this chat, and what a new one would show; POST: makes it, down to the turn `at`, which the
    form has: what was asked since its page was opened is not shared."""
    session = get_session(request.user, session_id)
    at = presentation.part_of(request.POST if request.method == "POST" else request.GET).at
    if request.method != "POST":
        return _page_of_links(request, session, at)
    try:
        sharing.share(session=session, at=at)
    except sharing.NothingToShare:
        error = _("There is no finished answer to share yet. Wait for it, then share.")
        return _page_of_links(request, session, at, error=error)
    except sharing.TooManyLinks:
        error = _("This chat has as many links as it may have. Revoke one that nobody needs any more.")
        return _page_of_links(request, session, at, error=error)
    messages.success(request, _("Here is the link. Whoever has it can read this chat."))
    return SeeOther(_address(session, at))


def _address(session: ChatSession, at: UUID | None) -> str:
    address = reverse("share_session", args=[session.pk])
    return f"{address}?at={at}" if at else address


def _page_of_links(request: HtmxRequest, session: ChatSession, at: UUID | None, *, error: str = "") -> HttpResponse:
    try:
        leaf = history.window(session, size=1, at=at).leaf_id
    except Interaction.DoesNotExist:
        raise Http404 from None
    shown = sharing.shown_by(sharing.links_of(session))
    context = {
        "item": session,
        "at": leaf,
        "turns": sharing.length_of(leaf) if leaf else 0,
        "links": [(one, request.build_absolute_uri(one.link.get_absolute_url())) for one in shown],
        "error": error,
        **sidebar_context(request.user),
    }
    return render(request, "chat/share.html", context, status=409 if error else 200)


@require_POST
@login_needed
def revoke(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Let a link lead nowhere from now on."""
    session = get_session(request.user, session_id)
    if not sharing.revoke(session=session, token=request.POST.get("token", "").replace("\0", "")):
        raise Http404
    messages.success(request, _("The link leads nowhere now."))
    return SeeOther(_address(session, presentation.part_of(request.POST).at))


# For everybody -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SharedTurn:
    """A question and its answer, without anything by which they are known elsewhere.

    Attributes:
        number: from 1 on, in the conversation.
        note: what a reader has to know of how the answer ended.
    """

    number: int
    question: str
    answer: SafeString | str
    note: str


@never_cache
@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """What a link shows, to anybody: turns and nothing of who asked."""
    path = sharing.shared_path(token)
    page = _page(path, request.GET.get("page", "1"))
    turns = _turns(list(page.object_list), first=page.start_index())
    context = {"title": sharing.title_of(path), "page": page, "turns": turns, "count": len(path)}
    response = render(request, "chat/shared.html", context)
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _page(path: list[UUID], number: str) -> Page[UUID]:
    try:
        return Paginator(path, TURNS_ON_A_PAGE).page(number)
    except InvalidPage:
        raise Http404 from None


def _turns(ids: Sequence[UUID], *, first: int) -> list[SharedTurn]:
    found = Interaction.objects.in_bulk(ids)
    return [_turn(found[one], number) for number, one in enumerate(ids, first) if one in found]


def _turn(one: Interaction, number: int) -> SharedTurn:
    if not one.is_finished:  # it is being continued
        return SharedTurn(number, one.query_text, "", _("This answer is still being written."))
    answer = markdown(one.final_response_text, prefix=f"t{number}-")
    return SharedTurn(number, one.query_text, answer, _note(one))


def _note(one: Interaction) -> str:
    if one.status == Status.FAILED:
        return _("The answer failed.")
    if one.status == Status.STOPPED:
        return _("The answer was stopped.")
    return _("The answer reached its length limit.") if one.finish_reason == "length" else ""
