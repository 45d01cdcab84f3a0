from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import AuthenticationForm, UserCreationForm
from django.core.exceptions import ValidationError

from accounts.models import User
from accounts.signup import create_account
from limits.refusals import LimitReached


class LogInForm(AuthenticationForm):
    """Django's own.

    Attributes:
        refusal: why the password was not looked at, where it was not.
    """

    refusal: LimitReached | None = None

    def clean(self) -> dict[str, Any]:
        try:
            return super().clean()
        except LimitReached as error:
            self.refusal = error
            raise ValidationError(str(error), code=error.code) from None


class SignupForm(UserCreationForm[User]):
    """Django's own sign-up fields: username, password1, password2."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username",)

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        return create_account(user=user) if commit else user
