from __future__ import annotations

from datetime import datetime

from django import forms
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chat import search
from chat.context import QueryTooLong
from chat.models import COMMENT_MAX_LENGTH, QUERY_MAX_LENGTH, TITLE_MAX_LENGTH, Rating


class QueryForm(forms.Form):
    """The composer. `idempotency_key` is made with the page: sending the same form twice asks once. `after`: the
    interaction that the question follows, the last one on the page."""

    query = forms.CharField(
        max_length=QUERY_MAX_LENGTH,
        widget=forms.Textarea,
        error_messages={
            "required": gettext_lazy("Write a message first."),
            "max_length": gettext_lazy(
                "This message is too long: %(show_value)s characters, of which %(limit_value)s fit. "
                "Shorten it, or send it in parts."
            ),
            "null_characters_not_allowed": gettext_lazy(
                "This message contains a NUL character. Remove it and send again."
            ),
        },
    )
    idempotency_key = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    after = forms.UUIDField(required=False, widget=forms.HiddenInput)


class TitleForm(forms.Form):
    title = forms.CharField(
        max_length=TITLE_MAX_LENGTH,
        error_messages={
            "required": gettext_lazy("Give the chat a name."),
            "max_length": gettext_lazy(
                "This name is too long: %(show_value)s characters, of which %(limit_value)s fit."
            ),
            "null_characters_not_allowed": gettext_lazy("This name contains a NUL character. Remove it."),
        },
    )


class AgainForm(forms.Form):
    """Asking again. `idempotency_key` is made with the page: sending the same form twice asks once."""

    idempotency_key = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)


class RatingForm(forms.Form):
    """What a reader thinks of an answer. Without `comment`, what was said before is kept."""

    RATINGS = {"up": Rating.UP, "down": Rating.DOWN, "none": None}

    rating = forms.ChoiceField(choices=[(name, name) for name in RATINGS])
    comment = forms.CharField(
        max_length=COMMENT_MAX_LENGTH,
        required=False,
        widget=forms.Textarea,
        error_messages={
            "max_length": gettext_lazy(
                "This comment is too long: %(show_value)s characters, of which %(limit_value)s fit."
            ),
            "null_characters_not_allowed": gettext_lazy("This comment contains a NUL character. Remove it."),
        },
    )

    def clean_rating(self) -> Rating | None:
        return self.RATINGS[self.cleaned_data["rating"]]


def too_long(error: QueryTooLong) -> str:
    """What the writer of a message is told that the model cannot take."""
    return _(
        "This message is too long for the model: it has %(tokens)s tokens, and %(limit)s fit. "
        "Shorten it, or send it in parts."
    ) % {
        "tokens": number_format(error.tokens, use_l10n=True, force_grouping=True),
        "limit": number_format(error.limit, use_l10n=True, force_grouping=True),
    }


class SearchForm(forms.Form):
    q = forms.CharField(
        required=False,
        max_length=search.MOST_CHARACTERS,
        error_messages={
            "max_length": gettext_lazy(
                "This is too long to search for: %(show_value)s characters, of which %(limit_value)s fit. "
                "A few words are enough."
            ),
            "null_characters_not_allowed": gettext_lazy("A NUL character cannot be searched for. Remove it."),
        },
    )


class ImportForm(forms.Form):
    """A file of chats."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        widget=forms.FileInput(attrs={"accept": ".json,.zip,application/json,application/zip"}),
        error_messages={
            "required": gettext_lazy("Choose a file first."),
            "missing": gettext_lazy("Choose a file first."),
            "invalid": gettext_lazy("Choose a file first."),
            "empty": gettext_lazy("This file is empty. Choose the file as it was exported."),
        },
    )


class UndoForm(forms.Form):
    """`deleted`: when it was deleted, to the microsecond, as the notice had it."""

    deleted = forms.CharField(max_length=64)

    def clean_deleted(self) -> datetime:
        try:
            when = datetime.fromisoformat(self.cleaned_data["deleted"])
        except ValueError as error:
            raise forms.ValidationError(_("There is nothing to undo.")) from error
        if when.tzinfo is None:
            raise forms.ValidationError(_("There is nothing to undo."))
        return when
