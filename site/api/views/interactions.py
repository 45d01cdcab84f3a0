"""Interactions over REST: read, stopped, asked again, asked otherwise, continued, rated, deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from api import etags
from api.idempotency import idempotency_key
from api.pagination import NewestMadeFirst
from api.schema import ETAG, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, UNCHANGED, errors, extend_schema
from api.serializers.interactions import InteractionOutput, MessageInput, OneInteractionOutput, RatingInput
from api.serializers.queries import PageQuery, PathQuery
from api.views.sessions import checked, owner_of
from chat import conversation, history
from chat.access import get_interaction, get_session
from chat.length import check_length
from chat.models import ChatSession, Interaction, Rating


class SessionInteractions(generics.ListAPIView[Interaction]):
    """All interactions of a session, the newest first; or with `path_to` one and those that it follows, so one
    conversation, from its end to its beginning."""

    serializer_class = InteractionOutput
    pagination_class = NewestMadeFirst

    @extend_schema(summary="List a session's interactions, or one conversation of it", parameters=[PathQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        leaf_id = checked(PathQuery, request.query_params).get("path_to")
        self._session = get_session(request.user, self.kwargs["session_id"])
        return self._path(self._session, leaf_id) if leaf_id else self.list(request)

    def get_queryset(self) -> QuerySet[Interaction]:
        return Interaction.objects.filter(session=self._session)

    def _path(self, session: ChatSession, leaf_id: UUID) -> Response:
        """What an interaction follows never changes, so the next page begins with the next of them."""
        size = checked(PageQuery, self.request.query_params)["page_size"]
        leaf = get_object_or_404(session.interactions.only("pk"), pk=leaf_id)
        ids = history.path_ids(leaf.pk, limit=size + 1)
        found = Interaction.objects.in_bulk(ids[:size])
        following = replace_query_param(self.request.build_absolute_uri(), "path_to", ids[size]) if ids[size:] else None
        data = InteractionOutput([found[one] for one in ids[:size] if one in found], many=True).data
        return Response({"results": data, "next": following, "previous": None})


class OneInteraction(APIView):
    """One interaction. It has an ETag: see `api.etags`."""

    @extend_schema(
        operation_id="interactions_retrieve",
        summary="Read an interaction",
        parameters=[IF_NONE_MATCH, ETAG],
        responses={200: OneInteractionOutput, 304: UNCHANGED, **errors("invalid")},
    )
    def get(self, request: Request, interaction_id: UUID) -> Response | HttpResponse:
        return etags.answer(request, OneInteractionOutput(get_interaction(request.user, interaction_id)).data)

    @extend_schema(
        operation_id="interactions_destroy",
        summary="Delete an interaction",
        parameters=[IF_MATCH],
        responses={204: None, **errors("invalid", "precondition_failed")},
    )
    def delete(self, request: Request, interaction_id: UUID) -> Response:
        """For good. What followed it follows the one before it now."""
        interaction = get_interaction(request.user, interaction_id)
        conversation.delete_interaction(interaction=interaction, check=_check(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _check(request: Request) -> conversation.Check:
    return lambda interaction: etags.require_match(request, OneInteractionOutput(interaction).data)


def _accepted(interaction: Interaction) -> Response:
    """202: the answer is on its way; follow it at …/stream/, or read it at `Location`."""
    headers = {"Location": f"/api/interactions/{interaction.pk}/"}
    return Response(InteractionOutput(interaction).data, status=status.HTTP_202_ACCEPTED, headers=headers)


class StopInteraction(APIView):
    """Stop an answer. Its text so far is kept; the answer tells the status before the stop took effect."""

    @extend_schema(
        operation_id="interactions_stop",
        summary="Stop an answer",
        request=None,
        responses={202: InteractionOutput},
    )
    def post(self, request: Request, interaction_id: UUID) -> Response:
        interaction = get_interaction(request.user, interaction_id)
        conversation.request_stop(interaction=interaction)
        return _accepted(interaction)


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
        return _accepted(conversation.continue_answer(interaction=interaction))


class RegenerateInteraction(APIView):
    """Ask the same again; the new interaction is a sibling of this one."""

    @extend_schema(
        operation_id="interactions_regenerate",
        summary="Ask the same again",
        request=None,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: InteractionOutput, **errors("invalid", "too_many_running")},
    )
    def post(self, request: Request, interaction_id: UUID) -> Response:
        interaction = get_interaction(request.user, interaction_id)
        key = idempotency_key(request)
        return _accepted(conversation.regenerate(interaction=interaction, idempotency_key=key))


class EditInteraction(APIView):
    """Ask something else in the place of this question; the new interaction is a sibling of this one."""

    @extend_schema(
        operation_id="interactions_edit",
        summary="Ask something else in its place",
        request=MessageInput,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: InteractionOutput, **errors("too_long", "too_many_running")},
    )
    def post(self, request: Request, interaction_id: UUID) -> Response:
        interaction = get_interaction(request.user, interaction_id)
        query = checked(MessageInput, request.data)["message"]
        key = idempotency_key(request)
        check_length(
            owner_id=owner_of(request).pk,
            session_id=interaction.session_id,
            query=query,
            parameters=interaction.parameters,
        )
        return _accepted(conversation.edit(interaction=interaction, query=query, idempotency_key=key))


class RateInteraction(APIView):
    """Say what a finished answer is worth, and why if one likes."""

    @extend_schema(
        operation_id="interactions_rate",
        summary="Rate an answer",
        request=RatingInput,
        parameters=[IF_MATCH, ETAG],
        responses={200: OneInteractionOutput, **errors("not_finished", "precondition_failed")},
    )
    def post(self, request: Request, interaction_id: UUID) -> Response:
        interaction = get_interaction(request.user, interaction_id)
        given = checked(RatingInput, request.data)
        rated = conversation.rate_checked(
            interaction=interaction,
            rating=None if given["rating"] is None else Rating(given["rating"]),
            comment=given.get("comment"),
            check=_check(request),
        )
        data = OneInteractionOutput(rated).data
        return Response(data, headers={"ETag": etags.etag_of(data)})
