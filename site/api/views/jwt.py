"""Access tokens: simplejwt's views, described."""

from __future__ import annotations

from rest_framework_simplejwt.views import TokenBlacklistView, TokenObtainPairView, TokenRefreshView

from api.schema import errors, examples, extend_schema, extend_schema_view

REFRESH, ACCESS = "eyJhbGciOiJIUzI1NiJ9.refresh.uP1s", "eyJhbGciOiJIUzI1NiJ9.access.k3Yw"


@extend_schema_view(
    post=extend_schema(
        operation_id="token_obtain",
        summary="Log in",
        description="Two tokens: `access` for requests, good for 15 minutes; `refresh` for the next two, for 14 days.",
        responses=errors("no_active_account"),
        examples=examples(
            request={"username": "ada", "password": "a long password"}, response={"access": ACCESS, "refresh": REFRESH}
        ),
    )
)
class Obtain(TokenObtainPairView):
    pass


@extend_schema_view(
    post=extend_schema(
        operation_id="token_refresh",
        summary="Get the next pair of tokens",
        description=(
            "A refresh token works once: use the one that comes back next time. One that is used again, later than ten "
            "seconds after, has been copied: all access and refresh tokens of its account end. They also end with a "
            "log-out everywhere, a new password, and the account's deactivation. A stream that has begun goes on."
        ),
        responses=errors("token_not_valid", "no_active_account"),
        examples=examples(request={"refresh": REFRESH}, response={"access": ACCESS, "refresh": REFRESH}),
    )
)
class Refresh(TokenRefreshView):
    pass


@extend_schema_view(
    post=extend_schema(
        operation_id="token_blacklist",
        summary="Log out",
        description="The refresh token is good for nothing from now on.",
        responses=errors("token_not_valid"),
        examples=examples(request={"refresh": REFRESH}, response={}),
    )
)
class Blacklist(TokenBlacklistView):
    pass
