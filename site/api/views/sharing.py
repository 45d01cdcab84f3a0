"""Links to a conversation over REST, and what they show to anybody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import InvalidPage, Page, Paginator
from django.http import Http404
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from api.schema import errors, extend_schema
from api.serializers.sharing import LinkInput, LinkOutput, LinksOutput, SharedOutput, SharedQuery
from api.views.sessions import checked
from chat import sharing
from chat.access import get_session
from chat.models import Interaction

TURNS_ON_A_PAGE = 50


class SessionLinks(APIView):
    """The links by which others can read a part of a session, and a new one."""

    @extend_schema(operation_id="sessions_links_list", summary="List a session's links", responses={200: LinksOutput})
    def get(self, request: Request, session_id: UUID) -> Response:
        """All of them, the newest first: a session has so few that they are one page."""
        shown = sharing.shown_by(sharing.links_of(get_session(request.user, session_id)))
        data = LinkOutput(shown, many=True, context={"request": request}).data
        return Response({"results": data, "next": None, "previous": None})

    @extend_schema(
        operation_id="sessions_links_create",
        summary="Make a link to a part of a session",
        request=LinkInput,
        responses={201: LinkOutput, **errors("nothing_to_share", "too_many_links")},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """What has a link already is given that one."""
        session = get_session(request.user, session_id)
        link = sharing.share(session=session, at=checked(LinkInput, request.data).get("interaction_id"))
        shown = sharing.Shown(link, sharing.length_of(link.leaf_id))
        return Response(LinkOutput(shown, context={"request": request}).data, status=status.HTTP_201_CREATED)


class SessionLink(APIView):
    """One link."""

    @extend_schema(operation_id="sessions_links_destroy", summary="Delete a link", responses={204: None})
    def delete(self, request: Request, session_id: UUID, token: str) -> Response:
        """It leads nowhere from now on."""
        if not sharing.revoke(session=get_session(request.user, session_id), token=token):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


class Shared(APIView):
    """What a link shows, to anybody who has it: turns, and nothing of who asked."""

    permission_classes = [AllowAny]
    authentication_classes = []

    @extend_schema(
        operation_id="shared_retrieve",
        summary="Read what a link shows",
        auth=[],
        parameters=[SharedQuery],
        responses={200: SharedOutput},
    )
    def get(self, request: Request, token: str) -> Response:
        """Without a token. What was asked later is not in it, nor who asked; 404 once the link is deleted."""
        path = sharing.shared_path(token)
        page = _page(path, checked(SharedQuery, request.query_params)["page"])
        found = Interaction.objects.in_bulk(list(page.object_list))
        turns = [
            _turn(found[one], number) for number, one in enumerate(page.object_list, page.start_index()) if one in found
        ]
        content = {"title": sharing.title_of(path), "count": len(path), "results": turns, **_links(request, page)}
        headers = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"}
        return Response(SharedOutput(content).data, headers=headers)


def _page(path: list[UUID], number: int) -> Page[UUID]:
    try:
        return Paginator(path, TURNS_ON_A_PAGE).page(number)
    except InvalidPage:
        raise Http404 from None


def _turn(one: Interaction, number: int) -> dict[str, Any]:
    names = ("query_text", "status", "final_response_text", "finish_reason")
    return {"number": number, **{name: getattr(one, name) for name in names}}


def _links(request: Request, page: Page[UUID]) -> dict[str, str | None]:
    here = request.build_absolute_uri()
    return {
        "next": replace_query_param(here, "page", page.next_page_number()) if page.has_next() else None,
        "previous": replace_query_param(here, "page", page.previous_page_number()) if page.has_previous() else None,
    }
