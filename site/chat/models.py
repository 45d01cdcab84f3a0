"""What is kept: sessions, their interactions (a tree), and the log of answers still being written."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

import uuid_utils.compat
from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext

TITLE_MAX_LENGTH = 200
QUERY_MAX_LENGTH = 200_000
COMMENT_MAX_LENGTH = 2_000
PRESET_NAME_MAX_LENGTH = 100


def uuid7() -> UUID:
    """A new time-ordered UUID: rows made later sort later, so indexes grow at their end."""
    return uuid_utils.compat.uuid7()


def new_token() -> str:
    """128 random bits for an address."""
    return secrets.token_urlsafe(16)


class DatabaseClock(models.Func):
    """The time now by the database's clock, the only one that all processes share; also inside a transaction."""

    function = "clock_timestamp"
    template = "%(function)s()"
    output_field = models.DateTimeField()


class ChatSession(models.Model):
    """A conversation, owned by one user.

    `deleted`: when it was deleted, by its owner, who can still undo that; then it goes for good.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_sessions")
    title = models.CharField(max_length=TITLE_MAX_LENGTH, blank=True)
    system_prompt = models.TextField(blank=True)
    parameters: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, blank=True)
    pinned = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)
    deleted = models.DateTimeField(null=True, blank=True, editable=False)
    created = models.DateTimeField(db_default=DatabaseClock(), editable=False)
    updated = models.DateTimeField(db_default=DatabaseClock(), editable=False)

    class Meta:
        ordering = ["-updated", "-id"]
        indexes = [
            models.Index(fields=["owner", "-updated", "-id"], name="chatsession_owner_updated"),
            models.Index(fields=["owner", "-created", "-id"], name="chatsession_owner_created"),
            # Few rows each. What search reads is in the migrations: functions, and indexes over them.
            models.Index(fields=["owner"], condition=models.Q(pinned=True, deleted=None), name="chatsession_pinned"),
            models.Index(fields=["deleted"], condition=models.Q(deleted__isnull=False), name="chatsession_deleted"),
        ]

    def __str__(self) -> str:
        return self.title or gettext("Untitled chat")

    def get_absolute_url(self) -> str:
        return reverse("session", args=[self.id])

    def get_live_url(self) -> str:
        """Where running answers are streamed into the page itself; with scripts it leads to the page above."""
        return reverse("live_session", args=[self.id])


class Status(models.TextChoices):
    """The life of an answer: queued → generating → complete, stopped or failed."""

    QUEUED = "queued"
    GENERATING = "generating"
    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"


class Rating(models.IntegerChoices):
    """What a reader thinks of an answer; NULL says nothing."""

    DOWN = -1
    UP = 1


UNFINISHED = (Status.QUEUED, Status.GENERATING)


class Interaction(models.Model):
    """One question and its answer.

    `parent` is the interaction that this one follows. Siblings share it: with the same query they are
    variants (regenerate), with another they are branches (edit). Rows are only ever added, so two tabs
    cannot overwrite each other's work.

    A row that is not finished belongs to whoever holds its lease: the process named in `lease_owner`, until
    `lease_expires_at` by the database's clock. Only the holder writes the answer.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="interactions")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    query_text = models.TextField()
    parameters: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUEUED)
    final_response_text = models.TextField(blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.TextField(blank=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    model_id = models.CharField(max_length=300, blank=True)
    seed = models.PositiveBigIntegerField(null=True, blank=True)
    prompt_tokens = models.PositiveIntegerField(null=True, blank=True)
    generated_tokens = models.PositiveIntegerField(null=True, blank=True)
    # Of the generated ones, how many are in `limits.Usage` already: an answer may be continued after its end.
    charged_tokens = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    first_token_ms = models.PositiveIntegerField(null=True, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    dropped_turns = models.PositiveIntegerField(default=0)
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - NULLs do not clash
    rating = models.SmallIntegerField(null=True, blank=True, choices=Rating.choices)
    rating_comment = models.TextField(blank=True, db_default="")
    lease_owner = models.CharField(max_length=200, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    stop_requested = models.BooleanField(default=False)
    created = models.DateTimeField(db_default=DatabaseClock(), editable=False)
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created", "-id"]
        indexes = [
            models.Index(fields=["session", "-created", "-id"], name="interaction_session_created"),
            # For taking over what a lost process left. On `created`, not on the lease: renewing a lease
            # four times a second must not touch an index.
            models.Index(
                fields=["created"],
                condition=models.Q(status__in=["queued", "generating"]),
                name="interaction_unfinished",
            ),
            # For finding what the same form or key has asked before, in whichever session.
            models.Index(
                fields=["idempotency_key"],
                condition=models.Q(idempotency_key__isnull=False),
                name="interaction_key",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["session", "idempotency_key"], name="interaction_idempotency_key"),
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="interaction_status_known"),
        ]

    # Whether it has siblings. No column: known of a question that was accepted just now.
    has_siblings = False

    def __str__(self) -> str:
        return f"{self.query_text[:60]} ({self.status})"

    def get_absolute_url(self) -> str:
        """The page that shows it, on the path through it."""
        return f"{reverse('session', args=[self.session_id])}?at={self.pk}#turn-{self.pk}"

    def get_live_url(self) -> str:
        """The same while it is being answered: see `ChatSession.get_live_url`. It ends with this turn, and a page stays
        at its end while it grows only if no other place in it was asked for."""
        return f"{reverse('live_session', args=[self.session_id])}?at={self.pk}"

    @property
    def is_finished(self) -> bool:
        return self.status not in UNFINISHED

    @property
    def is_continuable(self) -> bool:
        """Whether it ended before the model's own end."""
        return self.status in {Status.STOPPED, Status.FAILED} or self.finish_reason == "length"

    @property
    def tokens_per_second(self) -> float | None:
        """Generated tokens per second of generating: after the first token, so without the wait for it."""
        if not self.generated_tokens or self.duration_ms is None or self.first_token_ms is None:
            return None
        seconds = (self.duration_ms - self.first_token_ms) / 1000
        return (self.generated_tokens - 1) / seconds if self.generated_tokens > 1 and seconds > 0 else None


class ResponseChunk(models.Model):
    """A piece of an answer that is still being written: the append-only log that recovery and followers read.

    `offset` counts characters (Unicode code points) from the answer's start. The rows go in the transaction
    that writes `final_response_text`.
    """

    interaction = models.ForeignKey(Interaction, on_delete=models.CASCADE, related_name="chunks")
    offset = models.PositiveIntegerField()
    text = models.TextField()

    class Meta:
        ordering = ["offset"]
        constraints = [models.UniqueConstraint(fields=["interaction", "offset"], name="responsechunk_offset")]

    def __str__(self) -> str:
        return f"{self.interaction_id} @ {self.offset}"


class Preset(models.Model):
    """A system prompt and parameters under a name, for sessions of one user."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="presets")
    name = models.CharField(max_length=PRESET_NAME_MAX_LENGTH)
    system_prompt = models.TextField(blank=True)
    parameters: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, blank=True)
    created = models.DateTimeField(db_default=DatabaseClock(), editable=False)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="preset_name")]

    def __str__(self) -> str:
        return self.name


class SharedLink(models.Model):
    """A page that shows a conversation to whoever has its link: the turns down to `leaf`, and none asked later.

    Revoking the link deletes the row. `token` is in the address and cannot be guessed.
    """

    token = models.CharField(primary_key=True, max_length=32, default=new_token, editable=False)
    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="shared_links")
    leaf = models.ForeignKey(Interaction, on_delete=models.CASCADE, related_name="shared_links")
    created = models.DateTimeField(db_default=DatabaseClock(), editable=False)

    class Meta:
        ordering = ["-created", "token"]

    def __str__(self) -> str:
        return f"{self.session} down to {self.leaf_id}"

    def get_absolute_url(self) -> str:
        return reverse("shared", args=[self.token])
