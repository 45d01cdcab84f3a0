"""Bodies are taken as the description has them: JSON's types are not made into one another. DRF's fields are also made
for forms, where everything is text: to them 0 is false, and 7 a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

if TYPE_CHECKING:
    Base = serializers.Serializer[Any]
else:
    Base = object


def _is_whole(value: Any) -> bool:
    """JSON has one kind of number: 1.0 is whole, too."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value // 1


# The first that a field is an instance of says what it takes. What is not named takes what DRF takes.
_FITS: list[tuple[type[serializers.Field[Any, Any, Any, Any]], Callable[[Any], bool]]] = [
    (serializers.BooleanField, lambda value: isinstance(value, bool)),
    (serializers.IntegerField, _is_whole),
    (serializers.FloatField, lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)),
    (serializers.CharField, lambda value: isinstance(value, str)),
    (serializers.UUIDField, lambda value: isinstance(value, str)),
    (serializers.DateTimeField, lambda value: isinstance(value, str)),
]


# Before a serializer of a body: `class TokenInput(StrictTypes, serializers.Serializer[Any])`. No docstring: it would
# become the description of every serializer without one.
class StrictTypes(Base):
    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            wrong = {
                name: [_complaint(field, data[name])]
                for name, field in self.fields.items()
                if name in data and not field.read_only and not _fits(field, data[name])
            }
            if wrong:
                raise serializers.ValidationError(wrong)
        return super().to_internal_value(data)


def _fits(field: Any, value: Any) -> bool:
    """Whether a field takes a value of this type. What it says about null it says itself."""
    if value is None:
        return True
    if isinstance(field, serializers.ChoiceField) and not isinstance(field, serializers.MultipleChoiceField):
        return any(type(choice) is type(value) and choice == value for choice in field.choices)
    if isinstance(field, serializers.ListField):
        return isinstance(value, list) and all(_fits(field.child, one) for one in value)
    return next((fits(value) for kind, fits in _FITS if isinstance(field, kind)), True)


def _complaint(field: Any, value: Any) -> str:
    if isinstance(field, serializers.ListField):
        return "Send a list of the right type."
    texts = field.error_messages
    text = texts.get("invalid") or texts.get("invalid_choice") or "This is of the wrong type."
    return str(text).replace("{input}", str(value))
