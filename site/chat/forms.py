from __future__ import annotations

from django import forms

from chat.models import QUERY_MAX_LENGTH, TITLE_MAX_LENGTH


class QueryForm(forms.Form):
    """The composer. `idempotency_key` is made with the page: sending the same form twice asks once."""

    query = forms.CharField(
        max_length=QUERY_MAX_LENGTH,
        widget=forms.Textarea,
        error_messages={
            "required": "Write a message first.",
            "max_length": "This message is too long: %(show_value)s characters, of which %(limit_value)s fit. "
            "Shorten it, or send it in parts.",
            "null_characters_not_allowed": "This message contains a NUL character. Remove it and send again.",
        },
    )
    idempotency_key = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)


class TitleForm(forms.Form):
    title = forms.CharField(
        max_length=TITLE_MAX_LENGTH,
        error_messages={
            "required": "Give the chat a name.",
            "max_length": "This name is too long: %(show_value)s characters, of which %(limit_value)s fit.",
            "null_characters_not_allowed": "This name contains a NUL character. Remove it.",
        },
    )
