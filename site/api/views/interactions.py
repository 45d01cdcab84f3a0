"""Interactions over REST: read, stopped, asked again, continued."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.schema import errors, extend_schema, extend_schema_view
from api.serializers.interactions import InteractionOutput
from chat import conversation
from chat.access import get_interaction, get_session, interactions_of
from chat.models import Interaction


@extend_schema_view(get=extend_schema(summary="List a session's interactions"))
class SessionInteractions(generics.ListAPIView[Interaction]):
    serializer_class = InteractionOutput

    def get_queryset(self) -> QuerySet[Interaction]:
        session = get_session(self.request.user, self.kwargs["session_id"])
        return interactions_of(self.request.user).filter(session=session)


@extend_schema_view(
    get=extend_schema(summary="Read an interaction"), delete=extend_schema(summary="Delete an interaction")
)
class OneInteraction(generics.RetrieveDestroyAPIView[Interaction]):
    serializer_class = InteractionOutput

    def get_object(self) -> Interaction:
        return get_interaction(self.request.user, self.kwargs["interaction_id"])

    def perform_destroy(self, instance: Interaction) -> None:
        conversation.delete_interaction(interaction=instance)


class StopInteraction(APIView):
    """Stop an answer. Its text so far is kept; the answer tells the status before the stop took effect."""

    @extend_schema(
        operation_id="interactions_stop", summary="Stop an answer", request=None, responses={202: InteractionOutput}
    )
    def post(self, request: Request, interaction_id: UUID) -> Response:
        interaction = get_interaction(request.user, interaction_id)
        conversation.request_stop(interaction=interaction)
        return Response(InteractionOutput(interaction).data, status=status.HTTP_202_ACCEPTED)


class ContinueInteraction(APIView):
    """Go on with an answer that was stopped, failed or cut, from the text it has."""

    @extend_schema(
        operation_id="interactions_continue",
        summary="Go on with an answer",
        request=None,
        responses={202: InteractionOutput, **errors("not_continuable", "too_many_running")},
    )
    def post(self, request: Request, interaction_id: UUID) -> Response:
        interaction = get_interaction(request.user, interaction_id)
        going_on = conversation.continue_answer(interaction=interaction)
        return Response(InteractionOutput(going_on).data, status=status.HTTP_202_ACCEPTED)


class RegenerateInteraction(APIView):
    """Ask the same again; the new interaction is a sibling of this one."""

    @extend_schema(
        operation_id="interactions_regenerate",
        summary="Ask the same again",
        request=None,
        responses={202: InteractionOutput, **errors("too_many_running")},
    )
    def post(self, request: Request, interaction_id: UUID) -> Response:
        interaction = get_interaction(request.user, interaction_id)
        again = conversation.regenerate(interaction=interaction)
        return Response(InteractionOutput(again).data, status=status.HTTP_202_ACCEPTED)
