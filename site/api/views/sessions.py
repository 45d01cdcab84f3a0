"""Sessions over REST."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework import generics
from rest_framework.serializers import BaseSerializer

from api.schema import extend_schema, extend_schema_view
from api.serializers.sessions import SessionOutput
from chat import shelf
from chat.access import get_session, sessions_of
from chat.models import ChatSession


@extend_schema_view(
    get=extend_schema(summary="List your sessions"), post=extend_schema(summary="Make an empty session")
)
class Sessions(generics.ListCreateAPIView[ChatSession]):
    serializer_class = SessionOutput

    def get_queryset(self) -> QuerySet[ChatSession]:
        return sessions_of(self.request.user)

    def perform_create(self, serializer: BaseSerializer[ChatSession]) -> None:
        serializer.save(owner=self.request.user)


@extend_schema_view(
    get=extend_schema(summary="Read a session"),
    patch=extend_schema(summary="Change a session"),
    delete=extend_schema(summary="Delete a session"),
)
class Session(generics.RetrieveUpdateDestroyAPIView[ChatSession]):
    serializer_class = SessionOutput
    http_method_names = ["get", "patch", "delete", "head", "options"]

    def get_object(self) -> ChatSession:
        return get_session(self.request.user, self.kwargs["session_id"])

    def perform_destroy(self, instance: ChatSession) -> None:
        shelf.delete(owner_id=instance.owner_id, session_ids=[instance.pk])
