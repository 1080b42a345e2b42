"""What each consumer of events has handled, how far it has come, and what it could not handle."""

import pgtrigger
from django.db import models
from django.db.models.functions import Now

from reference.triggers import append_only, immutable_columns, refuse_delete


class Consumer(models.Model):
    """A reader of events inside the product, and the position up to which it has handled every one."""

    name = models.CharField(max_length=48, primary_key=True)
    position = models.BigIntegerField(db_default=0, help_text="Everything up to here is handled or a dead letter.")
    first_seen_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")
    moved_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time at which it last came further.")

    class Meta:
        constraints = [models.CheckConstraint(name="consumer_position", condition=models.Q(position__gte=0))]
        triggers = [
            *refuse_delete(table="events_consumer"),
            immutable_columns(table="events_consumer", columns=("name", "first_seen_at")),
            pgtrigger.Trigger(
                name="events_consumer_forward",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("position"),
                condition=pgtrigger.Condition("NEW.position < OLD.position"),
                func="RAISE EXCEPTION 'a consumer does not go back' USING ERRCODE = 'restrict_violation';",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class InboxEntry(models.Model):
    """A consumer has handled an event: written in the transaction of what it did, so that once is once."""

    pk = models.CompositePrimaryKey("consumer_id", "event_id")
    consumer = models.ForeignKey(Consumer, on_delete=models.PROTECT, related_name="+")
    event = models.ForeignKey("events.OutboxFact", on_delete=models.PROTECT, related_name="+", db_index=False)
    handled_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        triggers = [
            *append_only(table="events_inboxentry", expires=True),
            pgtrigger.Trigger(
                name="events_inboxentry_passed_ones_go",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Delete,
                referencing=pgtrigger.Referencing(old="old_rows"),
                func="""
                    IF EXISTS (
                        SELECT 1 FROM old_rows o JOIN events_consumer c ON c.name = o.consumer_id
                        JOIN events_outboxfact f ON f.id = o.event_id
                        WHERE o.handled_at > now() - interval '1 day' OR coalesce(f.position > c.position, true)
                    ) THEN RAISE EXCEPTION 'an inbox entry is kept until its consumer has passed it, and a day longer'
                        USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.consumer_id} {self.event_id}"


class DeadLetter(models.Model):
    """An event that a consumer failed to handle: tried again, then dead, until it is replayed."""

    id = models.BigAutoField(primary_key=True)
    consumer = models.ForeignKey(Consumer, on_delete=models.PROTECT, related_name="+", db_index=False)
    event = models.ForeignKey("events.OutboxFact", on_delete=models.PROTECT, related_name="+", db_index=False)
    reason = models.TextField(help_text="The last failure.")
    attempts = models.IntegerField()
    first_failed_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")
    last_failed_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")
    dead_at = models.DateTimeField(null=True, help_text="When the consumer went on without it.")
    replayed_at = models.DateTimeField(null=True, help_text="When it was handled after all.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["consumer", "event"], name="dead_letter_once"),
            models.CheckConstraint(name="dead_letter_attempts", condition=models.Q(attempts__gte=1)),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                name="dead_letter_open",
                condition=models.Q(dead_at__isnull=False, replayed_at__isnull=True),
            )
        ]
        triggers = [
            *refuse_delete(table="events_deadletter"),
            immutable_columns(table="events_deadletter", columns=("id", "consumer_id", "event_id", "first_failed_at")),
            pgtrigger.Trigger(
                name="events_deadletter_once",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("attempts", "dead_at", "replayed_at"),
                condition=pgtrigger.Condition(
                    "NEW.attempts < OLD.attempts"
                    " OR OLD.dead_at IS NOT NULL AND NEW.dead_at IS DISTINCT FROM OLD.dead_at"
                    " OR OLD.replayed_at IS NOT NULL AND NEW.replayed_at IS DISTINCT FROM OLD.replayed_at"
                ),
                func="RAISE EXCEPTION 'a dead letter dies and is replayed once' USING ERRCODE = 'restrict_violation';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.consumer_id} {self.event_id}"

    @property
    def state(self) -> str:
        """Return how it stands, in a word."""
        if self.replayed_at is not None:
            return "REPLAYED"
        return "RETRYING" if self.dead_at is None else "DEAD"
