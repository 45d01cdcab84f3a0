"""Deleted sessions go for good once nobody can want them back."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from chat.models import ChatSession
from chat.unstored import forget_lost
from limits import attempts
from limits.allowances import forget_full

UNDO_FOR = timedelta(minutes=10)
MOST_AT_ONCE = 20


@transaction.atomic
def purge() -> int:
    """Delete, with all that is in them, some of the sessions whose time is over: any number of processes may do so at
    once, each takes others. Returns how many."""
    over = ChatSession.objects.filter(deleted__lt=Now() - UNDO_FOR).order_by("deleted")
    attempts.purge()
    forget_full()
    forget_lost()
    taken = list(over.select_for_update(skip_locked=True).values_list("pk", flat=True)[:MOST_AT_ONCE])
    if taken:
        ChatSession.objects.filter(pk__in=taken).delete()
    return len(taken)
