"""Making an account over REST."""

from __future__ import annotations

from typing import Any

from rest_framework import generics
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.models import User
from accounts.signup import signup_is_open
from api.schema import errors, extend_schema
from api.serializers.accounts import RegisterInput
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
