"""What limits are counted in. Nothing here is worth keeping through a crash of the database but `Usage` and
`Allowance`: the tables of the others are not logged (see the migration), so writing to them costs little."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Spent(models.Model):
    """What all processes together have spent of an allowance: when all of it is there again, see `limits.gcra`."""

    key = models.CharField(max_length=200, primary_key=True)
    until = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "spent"

    def __str__(self) -> str:
        return self.key


class Attempt(models.Model):
    """Log-ins and sign-ups, see `limits.attempts`. Names and addresses are in here as keyed hashes only.

    Attributes:
        key: of what was tried and from where.
        account, address: of whom and from where, so that their rows can be found; "" where a row is not about one.
        count: of wrong passwords, one after the other.
        until: until when it has to wait, or when all of its allowance is there again.
        kept_until: from when on the row says nothing any more.
    """

    key = models.CharField(max_length=64, primary_key=True)
    account = models.CharField(max_length=64, blank=True, db_index=True)
    address = models.CharField(max_length=64, blank=True, db_index=True)
    count = models.PositiveIntegerField(default=0)
    until = models.DateTimeField()
    kept_until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class Unstored(models.Model):
    """An answer that is passed on, while it runs; see `chat.unstored`. Not logged, either.

    Attributes:
        until: its process renews this; when it is over, the process is no more.
    """

    id = models.UUIDField(primary_key=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    until = models.DateTimeField()

    class Meta:
        verbose_name_plural = "unstored"

    def __str__(self) -> str:
        return str(self.id)


class Usage(models.Model):
    """The tokens of one user on one day (by UTC), written with the end of each answer. Deleting chats does not change
    it; deleting the account does.

    There is no constraint in the database: it would let the end of an answer and the deletion of its account wait for
    each other. `limits.apps` deletes what a deleted account leaves.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False
    )
    day = models.DateField()
    prompt_tokens = models.BigIntegerField()
    generated_tokens = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "day"], name="one_usage_a_day")]
        verbose_name_plural = "usage"

    def __str__(self) -> str:
        return f"{self.day}: {self.prompt_tokens} + {self.generated_tokens}"


class Allowance(models.Model):
    """A user's own number of tokens a day in place of the server's; staff sets it. It counts where TOKENS_PER_DAY is
    set.

    Attributes:
        tokens_per_day: 0 for no limit.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    tokens_per_day = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.tokens_per_day} tokens a day"
