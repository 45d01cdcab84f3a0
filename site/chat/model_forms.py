"""Forms for what an answer is made with: the same fields for a session, for a user's new ones, and for a preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from chat.models import PRESET_NAME_MAX_LENGTH, Preset
from chat.parameters import DEFAULTS
from chat.presets import SYSTEM_PROMPT_MAX_LENGTH

STOPS = 4
STOP_MAX_LENGTH = 200
NO_NUL = _("This text contains a NUL character. Remove it.")


def _number(kind: type[forms.Field], name: str, *, out_of_limits: Any, **options: Any) -> forms.Field:
    """A number that may be left out; one message says everything that can be wrong with it."""
    step = "1" if kind is forms.IntegerField else "any"
    widget = forms.NumberInput(attrs={"step": step, "placeholder": DEFAULTS.get(name, "")})
    errors = dict.fromkeys(("invalid", "min_value", "max_value"), out_of_limits)
    return kind(required=False, widget=widget, error_messages=errors, **options)


class ModelForm(forms.Form):
    """An empty field leaves the choice to the server."""

    system_prompt = forms.CharField(
        label=_("System prompt"),
        help_text=_("What the model is told before the first message: who it is, how it should answer."),
        required=False,
        max_length=SYSTEM_PROMPT_MAX_LENGTH,
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
        error_messages={
            "max_length": _("This text is too long: %(show_value)s characters, of which %(limit_value)s fit."),
            "null_characters_not_allowed": NO_NUL,
        },
    )
    temperature = _number(
        forms.FloatField,
        "temperature",
        label=_("Temperature"),
        help_text=_("Low: the likeliest words. High: more surprising ones. From 0 to 2."),
        out_of_limits=_("The temperature is a number from 0 to 2. Leave it empty for the server's own."),
        min_value=0,
        max_value=2,
    )
    top_p = _number(
        forms.FloatField,
        "top_p",
        label=_("Top p"),
        help_text=_("Only the likeliest words that make up this share are considered. Above 0, up to 1."),
        out_of_limits=_("Top p is a number above 0, up to 1. Leave it empty for the server's own."),
        min_value=0,
        max_value=1,
    )
    max_tokens = _number(
        forms.IntegerField,
        "max_tokens",
        label=_("Longest answer, in tokens"),
        help_text=_("A token is about three quarters of an English word."),
        out_of_limits=_("The longest answer is a whole number from 1 to 1000000. Leave it empty for the server's own."),
        min_value=1,
        max_value=1_000_000,
    )
    seed = _number(
        forms.IntegerField,
        "seed",
        label=_("Seed"),
        help_text=_("With the same seed the same question gets the same answer. Empty: another one each time."),
        out_of_limits=_("The seed is a whole number from 0 to 9223372036854775807. Leave it empty for any."),
        min_value=0,
        max_value=2**63 - 1,
    )
    stop = forms.CharField(
        label=_("Stop at"),
        help_text=_("An answer ends before any of these texts. One a line, up to four."),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
        error_messages={"null_characters_not_allowed": NO_NUL},
    )

    @staticmethod
    def values_of(system_prompt: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What the fields show of a session, a user or a preset."""
        known = {name: parameters.get(name) for name in ("temperature", "top_p", "max_tokens", "seed")}
        return {"system_prompt": system_prompt, **known, "stop": "\n".join(parameters.get("stop", []))}

    def clean_top_p(self) -> float | None:
        value: float | None = self.cleaned_data["top_p"]
        if value == 0:
            raise forms.ValidationError(self.fields["top_p"].error_messages["min_value"])
        return value

    def clean_stop(self) -> list[str]:
        lines = [line.removesuffix("\r") for line in self.cleaned_data["stop"].split("\n")]
        texts = [line for line in lines if line]
        if len(texts) > STOPS or any(len(text) > STOP_MAX_LENGTH for text in texts):
            raise forms.ValidationError(
                _("Up to %(count)s texts of up to %(length)s characters can be given."),
                params={"count": STOPS, "length": STOP_MAX_LENGTH},
            )
        return texts

    def chosen(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The system prompt and the parameters; what `before` has and this form does not show stays."""
        hidden = {name: value for name, value in before.items() if name not in self.fields}
        shown = {name: self.cleaned_data[name] for name in ("temperature", "top_p", "max_tokens", "seed", "stop")}
        given = {name: value for name, value in shown.items() if value not in (None, [])}
        return {"system_prompt": self.cleaned_data["system_prompt"], "parameters": {**hidden, **given}}


def _name_field(**options: Any) -> forms.CharField:
    return forms.CharField(
        max_length=PRESET_NAME_MAX_LENGTH,
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
        error_messages={
            "required": _("Give the preset a name."),
            "max_length": _("This name is too long: %(show_value)s characters, of which %(limit_value)s fit."),
            "null_characters_not_allowed": _("This name contains a NUL character. Remove it."),
        },
        **options,
    )


class PresetForm(ModelForm):
    name = _name_field(label=_("Name"))
    field_order = ["name"]


class SessionForm(ModelForm):
    """A session's settings, which can be kept as a preset, too."""

    preset_name = _name_field(label=_("Name of a new preset"), required=False)
    keeps = False

    def clean_preset_name(self) -> str:
        name: str = self.cleaned_data["preset_name"]
        if self.keeps and not name:
            raise forms.ValidationError(self.fields["preset_name"].error_messages["required"])
        return name


class UsePresetForm(forms.Form):
    """Which of the user's presets to use."""

    preset = forms.ModelChoiceField(
        Preset.objects.none(), label=_("Preset"), empty_label=None, error_messages={"required": _("Choose a preset.")}
    )

    def __init__(self, *args: Any, presets: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ModelChoiceField[Preset]", self.fields["preset"])
        field.queryset = presets
        field.error_messages["invalid_choice"] = _("This preset is gone. Choose another one.")
