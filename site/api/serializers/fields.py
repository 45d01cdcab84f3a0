from __future__ import annotations

from typing import Any

from rest_framework import serializers

from chat.parameters import ParameterError, checked


class ParametersField(serializers.JSONField):
    """Generation parameters, checked."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError('Send an object, such as {"temperature": 0.7}.')
        try:
            return checked(value)
        except ParameterError as error:
            raise serializers.ValidationError(str(error)) from None
