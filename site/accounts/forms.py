from __future__ import annotations

from django.contrib.auth.forms import UserCreationForm

from accounts.models import User
from accounts.signup import create_account


class SignupForm(UserCreationForm[User]):
    """Django's own sign-up fields: username, password1, password2."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username",)

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        return create_account(user=user) if commit else user
