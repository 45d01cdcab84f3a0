from __future__ import annotations

from typing import Any

from rest_framework import serializers

from api.schema import example
from api.schema.samples import PRESET
from api.serializers.fields import ParametersField
from api.serializers.strict import StrictTypes
from chat.models import PRESET_NAME_MAX_LENGTH, Preset
from chat.presets import SYSTEM_PROMPT_MAX_LENGTH


@example(response=PRESET)
class PresetOutput(serializers.ModelSerializer[Preset]):
    """A system prompt and parameters under a name. Sessions take them by `preset_id`."""

    parameters = serializers.DictField()

    class Meta:
        model = Preset
        fields = ["id", "name", "system_prompt", "parameters", "created"]
        read_only_fields = fields


@example(request={"name": "Shorter"})
class PresetChangeInput(StrictTypes, serializers.Serializer[Any]):
    """What of a preset may be changed."""

    name = serializers.CharField(max_length=PRESET_NAME_MAX_LENGTH, required=False)
    system_prompt = serializers.CharField(
        max_length=SYSTEM_PROMPT_MAX_LENGTH, required=False, allow_blank=True, trim_whitespace=False
    )
    parameters = ParametersField(required=False)


@example(request={"name": "Short", "system_prompt": "Answer in one sentence.", "parameters": {"temperature": 0.2}})
class PresetInput(PresetChangeInput):
    """A new preset. Its name is one that no other of yours has."""

    name = serializers.CharField(max_length=PRESET_NAME_MAX_LENGTH)
