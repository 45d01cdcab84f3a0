"""What is done to one question and its answer."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from chat import conversation, presentation
from chat.access import get_interaction
from chat.models import Interaction
from chat.requests import HtmxRequest, SeeOther, limits_told, login_needed, notice


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
        return SeeOther(interaction.session.get_live_url())
    context = {"session": interaction.session, "turn": presentation.turns_of([interaction])[0]}
    return render(request, "_fragments/turn.html", context)
