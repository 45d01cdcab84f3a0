from __future__ import annotations

from rest_framework import serializers

from api.schema import example
from limits.quota import Day, Numbers

EXAMPLE_DAY = {"day": "2026-11-24", "prompt_tokens": 1840, "generated_tokens": 2204, "tokens": 4044}


class DayOutput(serializers.Serializer[Day]):
    """What was used on a day, by UTC."""

    day = serializers.DateField()
    prompt_tokens = serializers.IntegerField(help_text="What the model read: questions, with what was said before.")
    generated_tokens = serializers.IntegerField(help_text="What the model wrote.")
    tokens = serializers.IntegerField(help_text="Both together; this is what the limit is about.")


@example(
    response={
        "today": EXAMPLE_DAY,
        "tokens_per_day": 100000,
        "tokens_left": 95956,
        "resets_in_s": 35122,
        "days": [EXAMPLE_DAY],
    }
)
class UsedTokensOutput(serializers.Serializer[Numbers]):
    today = DayOutput()
    tokens_per_day = serializers.IntegerField(allow_null=True, help_text="The limit; null where there is none.")
    tokens_left = serializers.IntegerField(allow_null=True, help_text="Of today; null where there is no limit.")
    resets_in_s = serializers.IntegerField(help_text="Seconds until the next day begins.")
    days = DayOutput(many=True, help_text="The last 30 days on which something was used, newest first.")
