"""Settings that are about the account: its looks and language, password, log-ins, API tokens, and its end."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import activate
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import log_ins, preferences, tokens
from accounts.models import User
from accounts.passwords import change_password
from accounts.settings_forms import GeneralForm, NewPasswordForm, OwnPasswordForm, TokenForm
from chat import leaving
from chat.requests import HtmxRequest, SeeOther, login_needed
from chat.sidebar import sidebar_context


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def general(request: HtmxRequest) -> HttpResponse:
    """Colours, language, the Enter key. What is chosen holds from the page on that this leads to."""
    # The form writes into its user, also what is not valid; the page around it shows the one that asks.
    user = User.objects.get(pk=request.user.pk)
    form = GeneralForm(request.POST or None, instance=user)
    if form.is_valid():
        request.user = preferences.change(user=user, chosen=form.cleaned_data)
        if user.language:  # it is said in that already
            activate(user.language)
        messages.success(request, _("Saved."))
        return SeeOther(reverse("general_settings"))
    return _page(request, "accounts/settings_general.html", {"form": form}, form)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def account(request: HtmxRequest) -> HttpResponse:
    """The password; and the ways to one's data and to the account's end."""
    form = NewPasswordForm(request, request.user)
    if form.is_valid():
        change_password(request=request, user=request.user, password=form.cleaned_data["new_password1"])
        messages.success(request, _("Your password was changed, and your other log-ins were ended."))
        return SeeOther(reverse("account_settings"))
    return _page(request, "accounts/settings_account.html", {"form": form}, form)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def delete_account(request: HtmxRequest) -> HttpResponse:
    """GET: says what goes and asks for the password; POST: deletes the account."""
    form = OwnPasswordForm(request, request.user)
    if form.is_valid():
        try:
            leaving.delete_account(user=request.user)
        except leaving.LastAdministrator:
            return _page(request, "accounts/settings_delete.html", {"form": form, "is_needed": True}, form)
        logout(request)
        return SeeOther(reverse("account_deleted"))
    context = {"form": form, "is_needed": leaving.is_last_administrator(request.user)}
    return _page(request, "accounts/settings_delete.html", context, form)


@never_cache
@require_http_methods(["GET"])
def account_deleted(request: HtmxRequest) -> HttpResponse:
    return render(request, "accounts/deleted.html")


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def log_in_list(request: HtmxRequest) -> HttpResponse:
    """Where the user is logged in. POST ends the one of `id`, or without that all but this one."""
    current = request.session.session_key
    if request.method == "POST":
        if log_in_id := request.POST.get("id"):
            log_ins.end(user=request.user, log_in_id=log_in_id)
            messages.success(request, _("The log-in was ended."))
        else:
            log_ins.end_others(user=request.user, current=current)
            messages.success(request, _("All other log-ins were ended."))
        return SeeOther(reverse("log_ins"))
    return _page(
        request, "accounts/settings_log_ins.html", {"log_ins": log_ins.known(user=request.user, current=current)}
    )


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def token_list(request: HtmxRequest) -> HttpResponse:
    """API tokens. POST makes one, and this response alone has it: it is not kept, so no other page could show it."""
    form = TokenForm(request.POST or None)
    context: dict[str, Any] = {"form": form, "tokens": request.user.api_tokens.all()}
    if not form.is_valid():
        return _page(request, "accounts/settings_tokens.html", context, form)
    try:
        made, secret = tokens.create(
            owner=request.user, name=form.cleaned_data["name"], scopes=form.scopes(), expires=form.end()
        )
    except tokens.TooManyTokens:
        form.add_error(None, _("You have as many tokens as one may have. Revoke those that you do not need."))
        return _page(request, "accounts/settings_tokens.html", context, form)
    context |= {"form": TokenForm(), "made": made, "secret": secret}
    return _page(request, "accounts/settings_tokens.html", context, status=201)


@require_POST
@login_needed
def revoke_token(request: HtmxRequest, token_id: int) -> HttpResponse:
    if tokens.revoke(owner=request.user, token_id=token_id):
        messages.success(request, _("The token was revoked."))
        return SeeOther(reverse("api_tokens"))
    raise Http404


def _page(
    request: HtmxRequest, template: str, context: dict[str, Any], form: Any = None, status: int = 200
) -> HttpResponse:
    """A settings page; 422 where a form on it was sent and cannot be used, 429 where its password was not looked at."""
    refusal = getattr(form, "refusal", None)
    if form is not None and form.is_bound:
        status = 429 if refusal else 422
    response = render(request, template, context | sidebar_context(request.user), status=status)
    if refusal:
        response["Retry-After"] = str(refusal.retry_after_s)
    return response
