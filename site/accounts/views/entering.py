"""Sign-up. Log-in and log-out are Django's own views, wired in `urls`."""

from __future__ import annotations

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.forms import SignupForm
from accounts.signup import UsernameTakenError, signup_is_open


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def signup(request: HttpRequest) -> HttpResponse:
    """Create an account and log the person in."""
    if request.user.is_authenticated:
        return redirect("home")
    if not signup_is_open():
        return render(request, "accounts/signup_closed.html", status=403)
    form = SignupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            login(request, form.save())
            return redirect("home")
        except UsernameTakenError:
            form.add_error("username", _("A user with that username already exists."))
    return render(request, "accounts/signup.html", {"form": form})
