from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from accounts import tokens
from accounts.models import TOKEN_NAME_MAX_LENGTH, ApiToken
from api.schema import example
from api.schema.samples import TOKEN
from api.serializers.strict import StrictTypes

# Of a token that was not told when to end.
USUAL_LIFETIME = timedelta(days=90)


@example(response=TOKEN)
class TokenOutput(serializers.ModelSerializer[ApiToken]):
    """A personal API token, without the token itself: `hint` is how it begins. `expires`: null for never."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=tokens.SCOPES))

    class Meta:
        model = ApiToken
        fields = ["id", "name", "hint", "scopes", "created", "expires", "last_used"]
        read_only_fields = fields


@example(response={**TOKEN, "token": "parley_k3Yw9vR0qT5sXhJm2uPzLbN8cGdEfAoW1iKyVtMrQ6U"})
class NewTokenOutput(TokenOutput):
    """A token that was made just now. `token` is shown this once."""

    token = serializers.CharField()

    class Meta(TokenOutput.Meta):
        fields = [*TokenOutput.Meta.fields, "token"]
        read_only_fields = fields


def _in_90_days() -> datetime:
    return timezone.now() + USUAL_LIFETIME


@example(request={"name": "my script", "scopes": ["read", "chat"], "expires": "2027-02-22T09:30:00Z"})
class TokenInput(StrictTypes, serializers.Serializer[Any]):
    """A new token."""

    name = serializers.CharField(max_length=TOKEN_NAME_MAX_LENGTH, help_text="What it is for.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=tokens.SCOPES),
        min_length=1,
        max_length=len(tokens.SCOPES),
        help_text="`read`: to read; `chat`: to ask and to change things, too.",
    )
    expires = serializers.DateTimeField(
        required=False,
        allow_null=True,
        default=_in_90_days,
        error_messages={"invalid": "Send a time, such as 2027-02-22T09:30:00Z."},
        help_text="When it ends; null: never. If it is left out, in 90 days.",
    )

    def validate_expires(self, value: datetime | None) -> datetime | None:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("Give a time to come, or null for a token that does not end.")
        return value
