"""Deleting an account, with everything that is its owner's."""

from __future__ import annotations

from django.db import connection, transaction

from accounts.models import User
from accounts.signup import FIRST_ACCOUNT_LOCK
from chat.admission import lock_owner
from chat.models import UNFINISHED, Interaction
from chat.process import stop_runs_on_commit


class LastAdministrator(Exception):
    """There are other accounts, and nobody else could look after them."""


@transaction.atomic
def delete_account(*, user: User) -> None:
    """Delete the account, its chats, presets, tokens and log-ins. Answers still being made end at the next checkpoint
    at the latest.

    Raises:
        LastAdministrator: see there.
    """
    with connection.cursor() as cursor:
        # Of two administrators who leave at once one is the last.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FIRST_ACCOUNT_LOCK])
    if is_last_administrator(user):
        raise LastAdministrator
    lock_owner(user.pk)
    running = list(Interaction.objects.filter(session__owner=user, status__in=UNFINISHED).values_list("pk", flat=True))
    user.delete()
    stop_runs_on_commit(running)


def is_last_administrator(user: User) -> bool:
    """Whether others have accounts, but nobody else is an administrator. Who is alone may go: the next account is then
    the first again."""
    others = User.objects.exclude(pk=user.pk)
    return user.is_superuser and others.exists() and not others.filter(is_superuser=True, is_active=True).exists()
