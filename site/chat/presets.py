"""System prompts and parameters: of one session, of a user's new sessions, and under a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.shortcuts import get_object_or_404

from accounts.models import User
from chat.models import ChatSession, Preset
from chat.parameters import checked

SYSTEM_PROMPT_MAX_LENGTH = 20_000


# Looks at a preset while nobody else can change it, and raises what speaks against the change.
Check = Callable[[Preset], None]


class NameTaken(Exception):
    """The owner has a preset of that name."""


def change_defaults(*, user: User, system_prompt: str, parameters: dict[str, Any]) -> None:
    """What the user's new sessions begin with. Sessions that there are stay as they are.

    Raises:
        ParameterError: see `chat.parameters`, here and below.
    """
    user.system_prompt = system_prompt
    user.parameters = checked(parameters)
    user.save(update_fields=["system_prompt", "parameters"])


def change_session(*, session: ChatSession, system_prompt: str, parameters: dict[str, Any]) -> None:
    """What the session's next answers are made with."""
    session.system_prompt = system_prompt
    session.parameters = checked(parameters)
    session.save(update_fields=["system_prompt", "parameters"])


def use(*, preset: Preset, session: ChatSession) -> None:
    """Give the session what the preset has. A later change of either leaves the other alone."""
    change_session(session=session, system_prompt=preset.system_prompt, parameters=preset.parameters)


def make(*, owner: User, name: str, system_prompt: str, parameters: dict[str, Any]) -> Preset:
    """Raises NameTaken."""
    return _save(Preset(owner=owner), name, system_prompt, parameters)


def change(*, preset: Preset, name: str, system_prompt: str, parameters: dict[str, Any]) -> Preset:
    """Raises NameTaken."""
    return _save(preset, name, system_prompt, parameters)


@transaction.atomic
def change_some(*, preset: Preset, chosen: Mapping[str, Any], check: Check) -> Preset:
    """The same for some of name, system_prompt and parameters; the others stay as they are. Returns the preset as it
    is then.

    Raises:
        Http404: it was deleted meanwhile.
        NameTaken
        Whatever `check` raises; then nothing is changed.
    """
    found = _locked(preset)
    check(found)
    known = {"name": found.name, "system_prompt": found.system_prompt, "parameters": found.parameters}
    return change(preset=found, **{**known, **chosen})


def _locked(preset: Preset) -> Preset:
    return get_object_or_404(Preset.objects.select_for_update(), pk=preset.pk)


def _save(preset: Preset, name: str, system_prompt: str, parameters: dict[str, Any]) -> Preset:
    preset.name, preset.system_prompt, preset.parameters = name, system_prompt, checked(parameters)
    try:
        with transaction.atomic():
            preset.save()
    except IntegrityError:
        raise NameTaken from None
    return preset


def delete(*, preset: Preset) -> None:
    """Sessions that were given it keep what it had."""
    preset.delete()


@transaction.atomic
def delete_checked(*, preset: Preset, check: Check) -> None:
    """The same, unless `check` raises. Raises Http404 if it was deleted meanwhile."""
    found = _locked(preset)
    check(found)
    delete(preset=found)
