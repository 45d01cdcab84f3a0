"""Sign-up and log-in; log-out is Django's own view, wired in `urls`."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.forms import LogInForm, SignupForm
from accounts.signup import UsernameTakenError, signup_is_open
from limits import attempts
from limits.attempts import Guess
from limits.devices import remember_device
from limits.refusals import LimitReached
from limits.requests import address_of

# Who has just signed up need not be asked for the password again.
BACKEND = "limits.backends.GuardedBackend"


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
    try:
        if request.method == "POST" and (made := _sign_up(request, form)):
            return made
    except LimitReached as error:
        form.add_error(None, str(error))
        return _refused(render(request, "accounts/signup.html", {"form": form}, status=429), error)
    return render(request, "accounts/signup.html", {"form": form})


def _sign_up(request: HttpRequest, form: SignupForm) -> HttpResponse | None:
    address = address_of(request)
    attempts.take_form(address)
    if not form.is_valid():
        return None
    attempts.take_sign_up(address)
    try:
        user = form.save()
    except UsernameTakenError:
        form.add_error("username", _("A user with that username already exists."))
        return None
    attempts.remember(Guess(user.username, address))
    login(request, user, backend=BACKEND)
    response = redirect("home")
    remember_device(request, response, user.username)
    return response


class LogIn(LoginView):
    """Django's, which knows the browser again and says for how long to wait."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True
    authentication_form = LogInForm
    extra_context = {"signup_is_open": signup_is_open}

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        remember_device(self.request, response, form.cleaned_data["username"])
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        refusal = form.refusal if isinstance(form, LogInForm) else None
        return response if refusal is None else _refused(response, refusal)


def _refused(response: HttpResponse, error: LimitReached) -> HttpResponse:
    response.status_code = 429
    response["Retry-After"] = str(error.retry_after_s)
    return response


@never_cache
def log_in_to_admin(request: HttpRequest) -> HttpResponse:
    """In place of a second log-in page: whoever is not logged in does so where everybody does."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.GET.get("next", "") or request.path)
    if not admin.site.has_permission(request):
        raise PermissionDenied
    return redirect("admin:index")
