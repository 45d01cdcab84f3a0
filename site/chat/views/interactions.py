"""What is done to one question and its answer."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import replace_url, reswap, retarget

from chat import conversation, presentation
from chat.access import get_interaction
from chat.context import QueryTooLong
from chat.forms import AgainForm, QueryForm, RatingForm, too_long
from chat.length import check_length
from chat.models import Interaction, uuid7
from chat.requests import HtmxRequest, SeeOther, limits_told, login_needed, notice, told
from chat.sidebar import sidebar_context
from limits.refusals import LimitReached


@require_POST
@login_needed
def stop(request: HtmxRequest, interaction_id: UUID) -> HttpResponse:
    """Stop an answer. With HTMX nothing needs swapping: the stream brings the end of it."""
    interaction = get_interaction(request.user, interaction_id)
    conversation.request_stop(interaction=interaction)
    return HttpResponse(status=204) if request.htmx else SeeOther(interaction.get_absolute_url())


@require_POST
@login_needed
@limits_told
def regenerate(request: HtmxRequest, interaction_id: UUID) -> HttpResponse:
    """Ask the same question again, for another answer or after a failure."""
    interaction = get_interaction(request.user, interaction_id)
    form = AgainForm(request.POST)
    key = form.cleaned_data["idempotency_key"] if form.is_valid() else None
    return _branched(request, interaction, conversation.regenerate(interaction=interaction, idempotency_key=key))


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def edit(request: HtmxRequest, interaction_id: UUID) -> HttpResponse:
    """GET: the question in a form, as a page or in its place; POST: asks what it says now, beside the first."""
    interaction = get_interaction(request.user, interaction_id)
    if request.method == "GET":
        form = QueryForm(initial={"query": interaction.query_text, "idempotency_key": str(uuid7())})
        return _edit_form(request, interaction, form)
    form = QueryForm(request.POST)
    if not form.is_valid():
        return _edit_form(request, interaction, form, status=422)
    try:
        query = form.cleaned_data["query"]
        check_length(owner_id=request.user.pk, session_id=interaction.session_id, query=query)
        edited = conversation.edit(
            interaction=interaction,
            query=query,
            idempotency_key=form.cleaned_data["idempotency_key"],
        )
    except QueryTooLong as error:
        form.add_error("query", too_long(error))
        return _edit_form(request, interaction, form, status=422)
    except LimitReached as error:
        form.add_error("query", str(error))
        response = _edit_form(request, interaction, form, status=429)
        response["Retry-After"] = str(error.retry_after_s)
        return response
    return _branched(request, interaction, edited)


def _edit_form(request: HtmxRequest, interaction: Interaction, form: QueryForm, *, status: int = 200) -> HttpResponse:
    context = {"interaction": interaction, "session": interaction.session, "form": form}
    if not request.htmx:
        context |= sidebar_context(request.user)
        return render(request, "chat/edit.html", context, status=status)
    response = render(request, "_fragments/edit.html", context, status=status)
    if form.is_bound:
        reswap(retarget(response, f"#turn-{interaction.pk} .edit-question"), "outerHTML")
    return response


def _branched(request: HtmxRequest, old: Interaction, new: Interaction) -> HttpResponse:
    """A new turn in the old one's place. What followed that one goes from the page, and stays where it is."""
    if not request.htmx:
        return SeeOther(new.get_live_url())
    context = {
        "session": new.session,
        "old": old,
        "turn": presentation.turn_of(new),
        "leaf_id": new.pk,
    }
    response = render(request, "_fragments/branched.html", context)
    # The newest interaction is what a chat's page shows; an address that names the old path would not.
    return replace_url(response, new.session.get_absolute_url())


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
            advice = _("There is nothing to continue. Reload the page.")
            return notice(request, 409, _("This answer is whole"), advice)
        return SeeOther(interaction.get_absolute_url())


def _going_on(request: HtmxRequest, interaction: Interaction) -> HttpResponse:
    """The turn whose answer is being written now."""
    if not request.htmx:
        return SeeOther(interaction.get_live_url())
    context = {"session": interaction.session, "turn": presentation.turn_of(interaction)}
    return render(request, "_fragments/turn.html", context)


@require_POST
@login_needed
def rate(request: HtmxRequest, interaction_id: UUID) -> HttpResponse:
    """Say what an answer is worth, and why if one likes."""
    interaction = get_interaction(request.user, interaction_id)
    form = RatingForm(request.POST)
    if not form.is_valid():
        return _not_rated(request, interaction, form)
    comment = form.cleaned_data["comment"] if "comment" in form.data else None
    try:
        conversation.rate(interaction=interaction, rating=form.cleaned_data["rating"], comment=comment)
    except conversation.NotFinished:
        advice = _("Rate it when it is finished.")
        return told(request, 409, _("This answer is still being written"), advice)
    if not request.htmx:
        return SeeOther(interaction.get_absolute_url())
    announcement = _("Your comment is saved.") if comment is not None else _("Your rating is saved.")
    context = {"interaction": interaction, "announcement": announcement}
    return render(request, "_fragments/rating.html", context)


def _not_rated(request: HtmxRequest, interaction: Interaction, form: RatingForm) -> HttpResponse:
    """The form with what was typed, and what is wrong with it."""
    context = {"interaction": interaction, "session": interaction.session, "rating_form": form}
    if request.htmx:
        response = render(request, "_fragments/rating.html", context, status=422)
        return reswap(retarget(response, f"#rating-{interaction.pk}"), "outerHTML")
    context |= sidebar_context(request.user)
    return render(request, "chat/rate.html", context, status=422)


@never_cache
@require_safe
@login_needed
def source(request: HtmxRequest, interaction_id: UUID) -> HttpResponse:
    """An answer as the model wrote it: Markdown, for copying."""
    interaction = get_interaction(request.user, interaction_id)
    return HttpResponse(presentation.source_of(interaction), content_type="text/plain; charset=utf-8")
