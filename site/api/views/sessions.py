"""Sessions over REST: listed, found, made, read, changed, deleted, and taken back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from accounts.models import User
from api import etags
from api.pagination import NewestFirst
from api.schema import ETAG, IF_MATCH, IF_NONE_MATCH, UNCHANGED, errors, extend_schema
from api.serializers.queries import PageQuery, SessionQuery, as_sent
from api.serializers.sessions import (
    BulkInput,
    BulkOutput,
    ListedSessionOutput,
    SessionInput,
    SessionOutput,
    SessionsOutput,
)
from chat import shelf
from chat.access import get_preset, get_session, sessions_of
from chat.models import ChatSession
from chat.search import search


class Sessions(APIView):
    """The sessions of one user."""

    @extend_schema(
        operation_id="sessions_list",
        summary="List your sessions, or search them",
        parameters=[SessionQuery, PageQuery],
        responses={200: SessionsOutput},
    )
    def get(self, request: Request) -> Response:
        """Newest first, page by page. With `search` there is one page: what the title has first, then what was said,
        the newest first, each with its `hits`."""
        query = checked(SessionQuery, request.query_params)
        if query["search"]:
            checked(PageQuery, request.query_params)
            return _found(owner_of(request), query)
        pages = NewestFirst()
        pages.ordering = SessionQuery.ORDERINGS[query["ordering"]]
        sessions = _chosen(sessions_of(owner_of(request)), query, archived="false")
        return pages.get_paginated_response(
            ListedSessionOutput(pages.paginate_queryset(sessions, request), many=True).data
        )

    @extend_schema(
        operation_id="sessions_create",
        summary="Make an empty session",
        request=SessionInput,
        parameters=[ETAG],
        responses={201: SessionOutput, **errors("not_found")},
    )
    def post(self, request: Request) -> Response:
        """What is not given is as in your other new sessions. POST /api/chat/ makes one with a first question."""
        owner = owner_of(request)
        session = shelf.begin(owner=owner, chosen=_values(owner, checked(SessionInput, request.data)))
        response = _with_etag(session, status.HTTP_201_CREATED)
        response["Location"] = f"/api/sessions/{session.pk}/"
        return response


def _found(owner: User, query: dict[str, Any]) -> Response:
    results = search(owner_id=owner.pk, text=query["search"])
    ids = [one.session.pk for one in results.found]
    # Again, with all fields: a search reads what the page shows of them.
    sessions = _chosen(sessions_of(owner).filter(pk__in=ids), query, archived="all").in_bulk()
    context = {"hits": {one.session.pk: one.hits for one in results.found}}
    data = ListedSessionOutput([sessions[pk] for pk in ids if pk in sessions], many=True, context=context).data
    return Response({"results": data, "next": None, "previous": None, "is_cut": results.is_cut})


def checked(kind: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """Raises ValidationError."""
    serializer = kind(data=as_sent(kind, data) if isinstance(data, QueryDict) else data)
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values


def owner_of(request: Request) -> User:
    """Who asks: somebody, since these views let nobody else in."""
    assert isinstance(request.user, User)  # noqa: S101 - for the type
    return request.user


def _chosen(sessions: QuerySet[ChatSession], query: dict[str, Any], *, archived: str) -> QuerySet[ChatSession]:
    archived = query.get("archived", archived)
    if archived != "all":
        sessions = sessions.filter(archived=archived == "true")
    return sessions if query["pinned"] is None else sessions.filter(pinned=query["pinned"])


def _values(owner: User, given: dict[str, Any]) -> dict[str, Any]:
    """What is given, over what the preset has.

    Raises:
        Http404: it is not the owner's, or not there.
    """
    preset_id = given.pop("preset_id", None)
    if preset_id is None:
        return given
    preset = get_preset(owner, preset_id)
    return {"system_prompt": preset.system_prompt, "parameters": preset.parameters, **given}


def _with_etag(session: ChatSession, status_code: int = status.HTTP_200_OK) -> Response:
    data = SessionOutput(session).data
    return Response(data, status=status_code, headers={"ETag": etags.etag_of(data)})


class Session(APIView):
    """One session. It has an ETag: see `api.etags`."""

    @extend_schema(
        operation_id="sessions_retrieve",
        summary="Read a session",
        parameters=[IF_NONE_MATCH, ETAG],
        responses={200: SessionOutput, 304: UNCHANGED, **errors("invalid")},
    )
    def get(self, request: Request, session_id: UUID) -> Response | HttpResponse:
        return etags.answer(request, SessionOutput(get_session(request.user, session_id)).data)

    @extend_schema(
        operation_id="sessions_partial_update",
        summary="Change a session",
        request=SessionInput,
        parameters=[IF_MATCH, ETAG],
        responses={200: SessionOutput, **errors("precondition_failed")},
    )
    def patch(self, request: Request, session_id: UUID) -> Response:
        """Of two clients that change the same at once, the last one wins; but the one that sends `If-Match` changes
        only what it has read."""
        session = get_session(request.user, session_id)
        chosen = _values(owner_of(request), checked(SessionInput, request.data))
        return _with_etag(shelf.change(session=session, chosen=chosen, check=_check(request)))

    @extend_schema(
        operation_id="sessions_destroy",
        summary="Delete a session",
        parameters=[IF_MATCH],
        responses={204: None, **errors("invalid", "precondition_failed")},
    )
    def delete(self, request: Request, session_id: UUID) -> Response:
        """Answers that are being written in it are stopped. For ten minutes it can be taken back: POST …/undelete/."""
        shelf.delete_checked(session=get_session(request.user, session_id), check=_check(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _check(request: Request) -> shelf.Check:
    return lambda session: etags.require_match(request, SessionOutput(session).data)


class UndeleteSession(APIView):
    """A session that was deleted."""

    @extend_schema(
        operation_id="sessions_undelete",
        summary="Take back that a session was deleted",
        request=None,
        parameters=[ETAG],
        responses={200: SessionOutput},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """404 where it is too late, or was not deleted."""
        if not shelf.restore(owner_id=owner_of(request).pk, session_ids=[session_id]):
            raise Http404
        return _with_etag(get_session(request.user, session_id))


ACTIONS: dict[str, Callable[[int, Collection[UUID]], int]] = {
    "pin": lambda owner, ids: shelf.pin(owner_id=owner, session_ids=ids),
    "unpin": lambda owner, ids: shelf.pin(owner_id=owner, session_ids=ids, pinned=False),
    "archive": lambda owner, ids: shelf.archive(owner_id=owner, session_ids=ids),
    "unarchive": lambda owner, ids: shelf.archive(owner_id=owner, session_ids=ids, archived=False),
    "delete": lambda owner, ids: shelf.delete(owner_id=owner, session_ids=ids)[1],
    "undelete": lambda owner, ids: len(shelf.restore(owner_id=owner, session_ids=ids)),
}


class ManySessions(APIView):
    """Several sessions."""

    @extend_schema(
        operation_id="sessions_bulk",
        summary="Pin, archive, delete or undelete several sessions",
        request=BulkInput,
        responses={200: BulkOutput},
    )
    def post(self, request: Request) -> Response:
        """To all of them, or to none if something fails."""
        given = checked(BulkInput, request.data)
        count = ACTIONS[given["action"]](owner_of(request).pk, given["ids"])
        return Response(BulkOutput({"count": count}).data)
