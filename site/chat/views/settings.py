"""What answers are made with: of one chat, of new ones, and the presets."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from chat import presets
from chat.access import get_preset, get_session, presets_of
from chat.model_forms import ModelForm, PresetForm, SessionForm, UsePresetForm
from chat.models import ChatSession, Preset
from chat.requests import HtmxRequest, SeeOther, login_needed
from chat.sidebar import sidebar_context


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def session_settings(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """One chat's. POST with `do` = save; keep: also save them as a preset; use: take a preset's."""
    found = get_session(request.user, session_id)
    known = ModelForm.values_of(found.system_prompt, found.parameters)
    if request.method == "GET":
        return _session_page(request, found, SessionForm(initial=known))
    if request.POST.get("do") == "use":
        return _use(request, found)
    form = SessionForm(request.POST)
    form.keeps = request.POST.get("do") == "keep"
    if not form.is_valid():
        return _session_page(request, found, form, status=422)
    chosen = form.chosen(found.parameters)
    try:
        if form.keeps:
            presets.make(owner=request.user, name=form.cleaned_data["preset_name"], **chosen)
    except presets.NameTaken:
        form.add_error("preset_name", _("You have a preset of this name. Choose another one."))
        return _session_page(request, found, form, status=422)
    presets.change_session(session=found, **chosen)
    messages.success(request, _("Saved. The next answer is made with these."))
    return SeeOther(reverse("session_settings", args=[found.pk]))


def _use(request: HtmxRequest, found: ChatSession) -> HttpResponse:
    choice = UsePresetForm(request.POST, presets=presets_of(request.user))
    if not choice.is_valid():
        form = SessionForm(initial=ModelForm.values_of(found.system_prompt, found.parameters))
        return _session_page(request, found, form, choice, status=422)
    presets.use(preset=choice.cleaned_data["preset"], session=found)
    messages.success(request, _("Saved. The next answer is made with these."))
    return SeeOther(reverse("session_settings", args=[found.pk]))


def _session_page(
    request: HtmxRequest,
    found: ChatSession,
    form: SessionForm,
    choice: UsePresetForm | None = None,
    status: int = 200,
) -> HttpResponse:
    choice = choice or UsePresetForm(presets=presets_of(request.user))
    context = {"item": found, "form": form, "choice": choice, "has_presets": presets_of(request.user).exists()}
    context |= sidebar_context(request.user)
    return render(request, "chat/settings.html", context, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def model_defaults(request: HtmxRequest) -> HttpResponse:
    """What the user's new chats begin with."""
    user = request.user
    known = ModelForm.values_of(user.system_prompt, user.parameters)
    form = ModelForm(request.POST or None, initial=known)
    if form.is_valid():
        presets.change_defaults(user=user, **form.chosen(user.parameters))
        messages.success(request, _("Saved. New chats begin with these."))
        return SeeOther(reverse("model_defaults"))
    context = {"form": form, **sidebar_context(user)}
    return render(request, "chat/settings_model.html", context, status=422 if form.is_bound else 200)


@never_cache
@require_GET
@login_needed
def preset_list(request: HtmxRequest) -> HttpResponse:
    context = {"presets": presets_of(request.user), **sidebar_context(request.user)}
    return render(request, "chat/settings_presets.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def new_preset(request: HtmxRequest) -> HttpResponse:
    return _preset_form(request, None)


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def edit_preset(request: HtmxRequest, preset_id: UUID) -> HttpResponse:
    return _preset_form(request, get_preset(request.user, preset_id))


def _preset_form(request: HtmxRequest, found: Preset | None) -> HttpResponse:
    before = found.parameters if found else {}
    known = {"name": found.name, **ModelForm.values_of(found.system_prompt, before)} if found else {}
    form = PresetForm(request.POST or None, initial=known)
    if form.is_valid():
        name, chosen = form.cleaned_data["name"], form.chosen(before)
        try:
            if found is None:
                presets.make(owner=request.user, name=name, **chosen)
            else:
                presets.change(preset=found, name=name, **chosen)
        except presets.NameTaken:
            form.add_error("name", _("You have a preset of this name. Choose another one."))
        else:
            messages.success(request, _("Saved."))
            return SeeOther(reverse("presets"))
    context = {"form": form, "preset": found, **sidebar_context(request.user)}
    return render(request, "chat/settings_preset.html", context, status=422 if form.is_bound else 200)


@never_cache
@require_http_methods(["GET", "POST"])
@login_needed
def delete_preset(request: HtmxRequest, preset_id: UUID) -> HttpResponse:
    """GET: asks once more; POST: deletes it."""
    found = get_preset(request.user, preset_id)
    if request.method == "GET":
        context = {"preset": found, **sidebar_context(request.user)}
        return render(request, "chat/settings_preset_delete.html", context)
    presets.delete(preset=found)
    messages.success(request, _("The preset was deleted."))
    return SeeOther(reverse("presets"))
