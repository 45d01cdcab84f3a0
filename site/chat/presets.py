"""System prompts and parameters: of one session, of a user's new sessions, and under a name."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from chat.models import ChatSession, Preset
from chat.parameters import checked

SYSTEM_PROMPT_MAX_LENGTH = 20_000


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
