"""Interactions over REST: read, stopped, asked again, continued."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.serializers.interactions import InteractionOutput
from chat import conversation
from chat.access import get_interaction, get_session, interactions_of
from chat.models import Interaction


class SessionInteractions(generics.ListAPIView[Interaction]):
    serializer_class = InteractionOutput

    def get_queryset(self) -> QuerySet[Interaction]:
        session = get_session(self.request.user, self.kwargs["session_id"])
        return interactions_of(self.request.user).filter(session=session)


class OneInteraction(generics.RetrieveDestroyAPIView[Interaction]):
    serializer_class = InteractionOutput

    def get_object(self) -> Interaction:
        return get_interaction(self.request.user, self.kwargs["interaction_id"])

    def perform_destroy(self, instance: Interaction) -> None:
        conversation.delete_interaction(interaction=instance)


class StopInteraction(APIView):
    """Stop an answer. Its text so far is kept; the answer tells the status before the stop took effect."""

    def post(self, request: Request, interaction_id: UUID) -> Response:
        interaction = get_interaction(request.user, interaction_id)
        conversation.request_stop(interaction=interaction)
        return Response(InteractionOutput(interaction).data, status=status.HTTP_202_ACCEPTED)


class ContinueInteraction(APIView):
    """Go on with an answer that was stopped, failed or cut, from the text it has."""

    def post(self, request: Request, interaction_id: UUID) -> Response:
        interaction = get_interaction(request.user, interaction_id)
        going_on = conversation.continue_answer(interaction=interaction)
        return Response(InteractionOutput(going_on).data, status=status.HTTP_202_ACCEPTED)


class RegenerateInteraction(APIView):
    """Ask the same again; the new interaction is a sibling of this one."""

    def post(self, request: Request, interaction_id: UUID) -> Response:
        interaction = get_interaction(request.user, interaction_id)
        again = conversation.regenerate(interaction=interaction)
        return Response(InteractionOutput(again).data, status=status.HTTP_202_ACCEPTED)
