"""What the user has used."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.schema import extend_schema
from api.serializers.usage import UsedTokensOutput
from api.views.sessions import owner_of
from limits import quota


class Usage(APIView):
    @extend_schema(
        operation_id="usage_read", summary="See how many tokens you have used", responses={200: UsedTokensOutput}
    )
    def get(self, request: Request) -> Response:
        """Today, what is left of today where there is a limit, and the last 30 days. Deleting chats changes nothing of
        it."""
        return Response(UsedTokensOutput(quota.numbers_of(owner_of(request).pk)).data)
