"""Sessions, interactions and registration over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import generics, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts.models import User
from accounts.signup import signup_is_open
from api.serializers import InteractionOutput, RegisterInput, SessionOutput
from chat import conversation, shelf
from chat.access import get_interaction, get_session, interactions_of, sessions_of
from chat.models import ChatSession, Interaction


class Register(generics.CreateAPIView[User]):
    """Make an account. The first one becomes the administrator."""

    permission_classes = [AllowAny]
    authentication_classes = []
    serializer_class = RegisterInput

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if not signup_is_open():
            raise PermissionDenied("Sign-up is closed. Ask the administrator for an account.", "signup_closed")
        return super().create(request, *args, **kwargs)


class Sessions(generics.ListCreateAPIView[ChatSession]):
    serializer_class = SessionOutput

    def get_queryset(self) -> QuerySet[ChatSession]:
        return sessions_of(self.request.user)

    def perform_create(self, serializer: BaseSerializer[ChatSession]) -> None:
        serializer.save(owner=self.request.user)


class Session(generics.RetrieveUpdateDestroyAPIView[ChatSession]):
    serializer_class = SessionOutput
    http_method_names = ["get", "patch", "delete", "head", "options"]

    def get_object(self) -> ChatSession:
        return get_session(self.request.user, self.kwargs["session_id"])

    def perform_destroy(self, instance: ChatSession) -> None:
        shelf.delete(owner_id=instance.owner_id, session_ids=[instance.pk])


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
