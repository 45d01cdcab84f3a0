"""Owner-checked look-ups. Pages and API find sessions and interactions through these and nowhere else, so a
stranger's id and an id that does not exist give the same answer: 404."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from accounts.models import User
from chat.models import ChatSession, Interaction, Preset

OWNED = """
SELECT FROM chat_interaction i JOIN chat_chatsession s ON s.id = i.session_id
WHERE i.id = %s AND s.owner_id = %s AND s.deleted IS NULL
"""


def sessions_of(user: User | AnonymousUser) -> QuerySet[ChatSession]:
    """The user's sessions, the one used last first."""
    return ChatSession.objects.filter(owner_id=user.pk, deleted=None)


def interactions_of(user: User | AnonymousUser) -> QuerySet[Interaction]:
    """The user's interactions in all sessions, newest first."""
    return Interaction.objects.filter(session__owner_id=user.pk, session__deleted=None)


def get_session(user: User | AnonymousUser, session_id: UUID) -> ChatSession:
    """Raises Http404 unless the session exists and is the user's."""
    return get_object_or_404(sessions_of(user), pk=session_id)


def lock_session(session_id: UUID) -> ChatSession:
    """The session, for this transaction alone. Raises Http404 if it was deleted since it was found."""
    return get_object_or_404(ChatSession.objects.select_for_update(), pk=session_id, deleted=None)


def get_interaction(user: User | AnonymousUser, interaction_id: UUID) -> Interaction:
    """The interaction, its session loaded with it. Raises Http404 unless it exists and is the user's."""
    return get_object_or_404(interactions_of(user).select_related("session"), pk=interaction_id)


def presets_of(user: User | AnonymousUser) -> QuerySet[Preset]:
    """The user's presets, by name."""
    return Preset.objects.filter(owner_id=user.pk)


def get_preset(user: User | AnonymousUser, preset_id: UUID) -> Preset:
    """Raises Http404 unless the preset exists and is the user's."""
    return get_object_or_404(presets_of(user), pk=preset_id)


def check_interaction(user: User, interaction_id: UUID) -> None:
    """The same where the interaction itself is not needed."""
    with connection.cursor() as cursor:
        cursor.execute(OWNED, [interaction_id, user.pk])
        if cursor.fetchone() is None:
            raise Http404
