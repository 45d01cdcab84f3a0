from __future__ import annotations

from typing import Any

from rest_framework import serializers

from chat.models import QUERY_MAX_LENGTH
from chat.parameters import ParameterError, checked


class ParametersField(serializers.JSONField):
    """Generation parameters, checked."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError('Send an object, such as {"temperature": 0.7}.')
        try:
            return checked(value, strict=True)
        except ParameterError as error:
            raise serializers.ValidationError(str(error)) from None


class Question(serializers.CharField):
    """A text that is more than spaces; they stay where they are."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=QUERY_MAX_LENGTH, trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if not value.strip():
            self.fail("blank")
        return value
