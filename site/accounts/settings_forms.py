"""Forms of the settings pages that are about the account."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import passwords
from accounts.models import TOKEN_NAME_MAX_LENGTH, Theme, User
from limits.refusals import LimitReached


class GeneralForm(forms.ModelForm[User]):
    theme = forms.ChoiceField(
        label=_("Colours"),
        choices=[
            (Theme.SYSTEM.value, _("As the system has them")),
            (Theme.LIGHT.value, _("Light")),
            (Theme.DARK.value, _("Dark")),
        ],
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=[("", _("As the browser asks for")), *settings.LANGUAGES],
        required=False,
    )
    enter_sends = forms.TypedChoiceField(
        label=_("The Enter key"),
        help_text=_("Shift and Enter always begin a new line, Control and Enter always send."),
        choices=[("yes", _("Sends the message")), ("no", _("Begins a new line"))],
        coerce=lambda value: value == "yes",
    )

    class Meta:
        model = User
        fields = ("theme", "language", "enter_sends")

    def __init__(self, given: Any, *, instance: User) -> None:
        initial = {"enter_sends": "yes" if instance.enter_sends else "no"}
        super().__init__(given, instance=instance, initial=initial)


class _Guarded:
    """Of forms that ask for the password of whoever sends them.

    Attributes:
        request: set by the view.
        refusal: why the password was not looked at, where it was not.
    """

    request: HttpRequest
    refusal: LimitReached | None = None

    def is_own(self, user: User, password: str) -> bool:
        try:
            return passwords.is_password_of(user=user, password=password, request=self.request)
        except LimitReached as error:
            self.refusal = error
            raise forms.ValidationError(str(error), code=error.code) from None


class NewPasswordForm(_Guarded, PasswordChangeForm):
    """Django's own."""

    def __init__(self, request: HttpRequest, user: User) -> None:
        self.request = request
        super().__init__(user, request.POST or None)
        self.fields["old_password"].widget.attrs.pop("autofocus", None)

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if not self.is_own(self.user, password):
            raise forms.ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return password


class OwnPasswordForm(_Guarded, forms.Form):
    """The password once more, before something that cannot be undone."""

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("Give your password.")},
    )

    def __init__(self, request: HttpRequest, user: User) -> None:
        self.request, self._user = request, user
        super().__init__(request.POST or None)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.is_own(self._user, password):
            raise forms.ValidationError(_("This is not your password. Try again."))
        return password


class TokenForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        help_text=_("What it is for, so that you know it again."),
        max_length=TOKEN_NAME_MAX_LENGTH,
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
        error_messages={
            "required": _("Give the token a name."),
            "max_length": _("This name is too long: %(show_value)s characters, of which %(limit_value)s fit."),
            "null_characters_not_allowed": _("This name contains a NUL character. Remove it."),
        },
    )
    scope = forms.ChoiceField(
        label=_("It may"),
        choices=[("chat", _("Read and write: ask, and change chats")), ("read", _("Only read"))],
        error_messages={"invalid_choice": _("Choose what the token may do.")},
    )
    expires = forms.ChoiceField(
        label=_("It ends"),
        choices=[
            ("90", _("After 90 days")),
            ("7", _("After 7 days")),
            ("30", _("After 30 days")),
            ("365", _("After a year")),
            ("", _("Never")),
        ],
        required=False,
        error_messages={"invalid_choice": _("Choose when the token ends.")},
    )

    def scopes(self) -> list[str]:
        return ["read"] if self.cleaned_data["scope"] == "read" else ["read", "chat"]

    def end(self) -> datetime | None:
        days = self.cleaned_data["expires"]
        return timezone.now() + timedelta(days=int(days)) if days else None
