"""Log-ins over REST: which browsers are in, and how they and all programs are put out."""

from __future__ import annotations

from django.http import Http404
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import log_ins
from api.authentication import AccessTokenAuthentication
from api.schema import extend_schema
from api.serializers.log_ins import LogInsOutput
from api.views.sessions import owner_of


class LogIns(APIView):
    """The browsers in which one user is logged in."""

    authentication_classes = [AccessTokenAuthentication]

    @extend_schema(operation_id="log_ins_list", summary="List your log-ins", responses={200: LogInsOutput})
    def get(self, request: Request) -> Response:
        """The browsers that are logged in, the newest first."""
        known = log_ins.known(user=owner_of(request), current=None)
        return Response(LogInsOutput({"results": known, "next": None, "previous": None}).data)


class OneLogIn(APIView):
    """One browser that is logged in."""

    authentication_classes = [AccessTokenAuthentication]

    @extend_schema(operation_id="log_ins_destroy", summary="End a log-in", responses={204: None})
    def delete(self, request: Request, log_in_id: str) -> Response:
        """At once: the browser has to log in again."""
        if not log_ins.end(user=owner_of(request), log_in_id=log_in_id):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


class EndAllLogIns(APIView):
    """All log-ins of one user."""

    authentication_classes = [AccessTokenAuthentication]

    @extend_schema(operation_id="log_ins_end_all", summary="Log out everywhere", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """All browsers, and all access and refresh tokens, that of this request with them. Personal API tokens stay."""
        log_ins.end_all(user=owner_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
