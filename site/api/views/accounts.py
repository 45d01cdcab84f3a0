"""The account over REST: made, read, changed, taken along, deleted."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample
from rest_framework import generics, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.views import APIView

from accounts import jwts, passwords, preferences
from accounts.models import User
from accounts.signup import signup_is_open
from api import etags
from api.asynchronous import api_view, authenticate_by_access_token
from api.authentication import AccessTokenAuthentication
from api.schema import (
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    UNCHANGED,
    described,
    errors,
    extend_schema,
)
from api.serializers.accounts import (
    AccountInput,
    AccountOutput,
    DeleteAccountInput,
    PasswordInput,
    RegisterInput,
    TokensOutput,
)
from api.views.sessions import checked, owner_of
from chat import leaving, own_data
from chat.database import in_thread
from chat.responses import Unbuffered
from limits import attempts
from limits.attempts import Guess
from limits.requests import address_of


@extend_schema(summary="Make an account", responses=errors("signup_closed"))
class Register(generics.CreateAPIView[User]):
    """Make an account. The first one becomes the administrator."""

    permission_classes = [AllowAny]
    authentication_classes = []
    serializer_class = RegisterInput

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if not signup_is_open():
            raise PermissionDenied("Sign-up is closed. Ask the administrator for an account.", "signup_closed")
        return super().create(request, *args, **kwargs)

    def perform_create(self, serializer: BaseSerializer[User]) -> None:
        address = address_of(self.request)
        attempts.take_sign_up(address)
        super().perform_create(serializer)
        attempts.remember(Guess(serializer.validated_data["username"], address))


class Account(APIView):
    """The account that asks. It has an ETag: see `api.etags`."""

    @extend_schema(
        operation_id="account_retrieve",
        summary="Read your account",
        parameters=[IF_NONE_MATCH, ETAG],
        responses={200: AccountOutput, 304: UNCHANGED, **errors("invalid")},
    )
    def get(self, request: Request) -> Response | HttpResponse:
        """With what you chose for the pages and for new sessions."""
        return etags.answer(request, AccountOutput(owner_of(request)).data)

    @extend_schema(
        operation_id="account_partial_update",
        summary="Change your settings",
        request=AccountInput,
        parameters=[IF_MATCH, ETAG],
        responses={200: AccountOutput, **errors("not_found", "precondition_failed")},
    )
    def patch(self, request: Request) -> Response:
        """What is not given stays as it is, and so do sessions that there are: `system_prompt` and `parameters` are for
        new ones."""
        changed = preferences.change(
            user=owner_of(request),
            chosen=checked(AccountInput, request.data),
            check=lambda user: etags.require_match(request, AccountOutput(user).data),
        )
        data = AccountOutput(changed).data
        return Response(data, headers={"ETag": etags.etag_of(data)})


class Password(APIView):
    """The password of the account that asks."""

    authentication_classes = [AccessTokenAuthentication]

    @extend_schema(
        operation_id="account_password",
        summary="Change your password",
        request=PasswordInput,
        responses={200: TokensOutput},
    )
    def post(self, request: Request) -> Response:
        """Every log-in ends, in browsers and programs, and every access and refresh token: go on with the new ones that
        come back. Personal API tokens stay."""
        user = owner_of(request)
        given = _checked(PasswordInput, request)
        passwords.change_password(user=user, password=given["new_password"])
        made = jwts.made_for(user)
        return Response(TokensOutput({"access": str(made.access_token), "refresh": str(made)}).data)


class DeleteAccount(APIView):
    """The end of the account that asks."""

    authentication_classes = [AccessTokenAuthentication]

    @extend_schema(
        operation_id="account_delete",
        summary="Delete your account",
        request=DeleteAccountInput,
        responses={204: None, **errors("last_administrator")},
    )
    def post(self, request: Request) -> Response:
        """For good, with everything that is yours: chats, presets, tokens and log-ins. It is a POST, since not every
        client and proxy sends the body of a DELETE."""
        _checked(DeleteAccountInput, request)
        leaving.delete_account(user=owner_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _checked(kind: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """What was sent to somebody's own account. Raises ValidationError."""
    serializer = kind(data=request.data, context={"request": request})
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values


@described(
    get=extend_schema(
        operation_id="account_data",
        summary="Download your data",
        auth=[{"accessToken": []}],  # type: ignore[list-item]  # as OpenAPI has it
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
        examples=[OpenApiExample("Response", value="PK…", media_type="application/zip", response_only=True)],
    )
)
@api_view("GET")
async def data(request: HttpRequest) -> HttpResponseBase:
    """All that is kept about you as one ZIP file, sent as it is read: your chats, which can be imported again, and
    lists of the rest."""
    user = await in_thread(authenticate_by_access_token, request)
    response = Unbuffered(own_data.zip_of(user=user), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="parley-{timezone.localdate().isoformat()}.zip"'
    return response
