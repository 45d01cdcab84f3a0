"""Personal API tokens over REST. An access token is needed to see and to make them."""

from __future__ import annotations

from django.http import Http404
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import tokens
from accounts.models import ApiToken
from api.authentication import AccessTokenAuthentication
from api.schema import errors, extend_schema
from api.serializers.tokens import NewTokenOutput, TokenInput, TokenOutput
from api.views.sessions import checked, owner_of


class Tokens(GenericAPIView[ApiToken]):
    """The personal API tokens of one user."""

    authentication_classes = [AccessTokenAuthentication]
    serializer_class = TokenOutput

    @extend_schema(operation_id="tokens_list", summary="List your API tokens", responses={200: TokenOutput(many=True)})
    def get(self, request: Request) -> Response:
        """Newest first, those that have ended with them."""
        page = self.paginate_queryset(owner_of(request).api_tokens.all())
        return self.get_paginated_response(TokenOutput(page or [], many=True).data)

    @extend_schema(
        operation_id="tokens_create",
        summary="Make an API token",
        request=TokenInput,
        responses={201: NewTokenOutput, **errors("too_many_tokens")},
    )
    def post(self, request: Request) -> Response:
        """The answer has the token itself, in `token`. Keep it: nothing can show it again."""
        made, token = tokens.create(owner=owner_of(request), **checked(TokenInput, request.data))
        made.token = token  # type: ignore[attr-defined]  # for this answer alone
        return Response(NewTokenOutput(made).data, status=status.HTTP_201_CREATED)


class OneToken(APIView):
    """One personal API token."""

    authentication_classes = [AccessTokenAuthentication]

    @extend_schema(operation_id="tokens_destroy", summary="Revoke an API token", responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        """At once: the next request with it is refused."""
        if not tokens.revoke(owner=owner_of(request), token_id=token_id):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)
