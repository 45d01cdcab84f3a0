"""The list of chats, searching them, and what is done to chats as a whole."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget

from chat import shelf
from chat.access import get_session
from chat.forms import SearchForm, TitleForm, UndoForm
from chat.models import ChatSession
from chat.requests import HtmxRequest, SeeOther, login_needed
from chat.search import search, terms_of
from chat.sidebar import grouped, listed, sidebar_context

SESSIONS_PER_PAGE = 50


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def all_sessions(request: HtmxRequest) -> HttpResponse:
    """GET: every chat of the user page by page, those of the archive, or those that a search finds; HTMX gets the list
    alone, the page's or the sidebar's. POST: does something to chats that are listed."""
    if request.method == "POST":
        return _change(request)
    context, status = list_context(request)
    if request.htmx.target == "sessions":
        return _sidebar(request, context, status=status)
    if request.htmx.target == "all":
        return render(request, "_fragments/all_sessions.html", context, status=status)
    return render(request, "chat/sessions.html", {**sidebar_context(request.user), **context}, status=status)


def list_context(request: HtmxRequest) -> tuple[dict[str, Any], int]:
    """What the list shows for the address's `q`, `archived` and `page`; and the status."""
    form = SearchForm(request.GET)
    context: dict[str, Any] = {"search_form": form, "is_archive": "archived" in request.GET}
    if not form.is_valid():
        return context, 422
    if form.cleaned_data["q"]:
        text = form.cleaned_data["q"]
        return context | {"results": search(owner_id=request.user.pk, text=text), "terms": terms_of(text)}, 200
    sessions = listed(request.user, archived=context["is_archive"])
    page = Paginator(sessions, SESSIONS_PER_PAGE).get_page(request.GET.get("page"))
    return context | {"page": page, "page_groups": grouped(page)}, 200


def _sidebar(request: HtmxRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """The sidebar's list, or what it was searched for; the chat that is open stays marked."""
    context = {**sidebar_context(request.user), **context, "session": _open_session(request)}
    response = render(request, "_fragments/sidebar_list.html", context, status=status)
    return reswap(retarget(response, "#sessions"), "outerHTML") if status >= 400 else response


def _open_session(request: HtmxRequest) -> dict[str, UUID] | None:
    """The chat of the page that the request comes from; templates look at its `pk` alone."""
    try:
        values = resolve(urlsplit(request.htmx.current_url or "").path).kwargs
    except Resolver404:
        return None
    return {"pk": values["session_id"]} if "session_id" in values else None


# What can be done to several chats at once ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verb:
    """`act` returns how many chats it was done to; `told` says so."""

    act: Callable[[int, Collection[UUID]], int]
    told: Callable[[int], str]


def _seen(count: int) -> str:
    """Nothing: the list shows it."""
    return ""


def _archived(count: int) -> str:
    return ngettext("%(count)d chat archived.", "%(count)d chats archived.", count) % {"count": count}


def _unarchived(count: int) -> str:
    return ngettext("%(count)d chat is back in the list.", "%(count)d chats are back in the list.", count) % {
        "count": count
    }


def _deleted(count: int) -> str:
    return ngettext("%(count)d chat deleted.", "%(count)d chats deleted.", count) % {"count": count}


# By the name of the button. Its value is the chat, or empty for those that are selected.
VERBS: dict[str, Verb] = {
    "pin": Verb(lambda owner, ids: shelf.pin(owner_id=owner, session_ids=ids), _seen),
    "unpin": Verb(lambda owner, ids: shelf.pin(owner_id=owner, session_ids=ids, pinned=False), _seen),
    "archive": Verb(lambda owner, ids: shelf.archive(owner_id=owner, session_ids=ids), _archived),
    "unarchive": Verb(lambda owner, ids: shelf.archive(owner_id=owner, session_ids=ids, archived=False), _unarchived),
}


def _change(request: HtmxRequest) -> HttpResponse:
    ids = _chosen(request.POST)
    if not ids:
        return _changed(request, [], _("Select the chats first."))
    if "delete" in request.POST:
        return _changed(request, ids, _delete(request, ids))
    verb = next((VERBS[name] for name in VERBS if name in request.POST), None)
    if verb is None:
        return _changed(request, [], _("Choose what to do with the chats."))
    count = verb.act(request.user.pk, ids)
    told = verb.told(count) if count else _("These chats are not there any more.")
    return _changed(request, [], told, focused=ids[0] if "archive" not in request.POST else None)


def _chosen(form: QueryDict) -> list[UUID]:
    """The chat that the button names, or those that are selected."""
    named = [form[name] for name in (*VERBS, "delete") if form.get(name)]
    found = []
    for value in named or form.getlist("session"):
        try:
            found.append(UUID(str(value)))
        except ValueError:
            continue
    return found


def _delete(request: HtmxRequest, ids: Collection[UUID]) -> str:
    """Delete, and offer to undo it."""
    deleted, count = shelf.delete(owner_id=request.user.pk, session_ids=ids)
    if deleted is None:
        return _("These chats are not there any more.")
    messages.info(request, _deleted(count), extra_tags=deleted.isoformat())
    return ""


def _changed(request: HtmxRequest, gone: Collection[UUID], told: str, *, focused: UUID | None = None) -> HttpResponse:
    """The list as it is now, with a sentence; where the chat that is open is gone, a new chat. The focus goes to the
    offer to undo it, or else to the chat, if it is in the sidebar, or else to the list."""
    if told:
        messages.info(request, told)
    if not request.htmx:
        return SeeOther(_way_back(request, gone))
    offers_undo = bool(gone) and not told
    here = _open_session(request)
    page = request.htmx.current_url or ""
    if here and here["pk"] in gone:
        return HttpResponseClientRedirect(reverse("new_chat"))
    if request.htmx.target == "all":
        context, status = list_context(request)
        context |= {**sidebar_context(request.user), "is_changed": True, "focus_list": not offers_undo}
        return render(request, "_fragments/all_sessions.html", context, status=status)
    if urlsplit(page).path == reverse("all_sessions"):
        return HttpResponseClientRedirect(page)
    return _sidebar(
        request, {"is_changed": True, "focused": focused, "focus_list": not offers_undo and focused is None}
    )


def _way_back(request: HtmxRequest, gone: Collection[UUID]) -> str:
    """Where the form stood, if it says so and that is still there."""
    back = request.POST.get("next", "")
    if not back or not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        return request.get_full_path()
    return reverse("new_chat") if any(str(pk) in back for pk in gone) else back


@require_POST
@login_needed
def undelete(request: HtmxRequest) -> HttpResponse:
    """Take a deletion back, and open the chat; the list, if there are several."""
    form = UndoForm(request.POST)
    found = shelf.undelete(owner_id=request.user.pk, deleted=form.cleaned_data["deleted"]) if form.is_valid() else []
    if found:
        return SeeOther(reverse("session", args=found) if len(found) == 1 else reverse("all_sessions"))
    page = {
        "status": 410,
        "title": _("This cannot be undone any more"),
        "advice": _("A deleted chat is kept for ten minutes."),
    }
    return render(request, "error.html", {"error": page}, status=410)


# One chat ------------------------------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def rename(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """GET: the form, as a page or in the list's place; POST: the new name."""
    found = get_session(request.user, session_id)
    form = TitleForm(request.POST or None, initial={"title": found.title})
    if request.method == "POST" and form.is_valid():
        shelf.rename(session=found, title=form.cleaned_data["title"])
        return _renamed(request, found)
    context = {"item": found, "form": form}
    status = 422 if form.is_bound else 200
    if not request.htmx:
        context |= sidebar_context(request.user)
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
    """GET: asks once more; POST: deletes the chat, which can be undone."""
    found = get_session(request.user, session_id)
    if request.method == "GET":
        return render(request, "chat/delete.html", {"item": found, **sidebar_context(request.user)})
    was_open = request.htmx and found.get_absolute_url() in (request.htmx.current_url or "")
    _delete(request, [found.pk])
    if was_open:
        return HttpResponseClientRedirect(reverse("new_chat"))
    return _sidebar(request, {"is_changed": True}) if request.htmx else SeeOther(reverse("new_chat"))
