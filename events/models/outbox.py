"""Facts: recorded, waiting to be delivered to the tasks that follow, and published to whoever reads events."""

import pgtrigger
from django.db import models
from django.db.models.functions import Now

from reference.triggers import immutable_columns, refuse_delete

RECORDED = ("id", "name", "version", "payload", "recorded_at", "key", "shares", "correlation_id")


class OutboxFact(models.Model):
    """A fact recorded in the transaction that made it true; delivered after commit, until acknowledged."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=64, help_text="The contract's class name.")
    version = models.SmallIntegerField(default=1, help_text="The contract's schema version.")
    payload = models.JSONField()
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")
    delivered_at = models.DateTimeField(null=True, help_text="When the tasks that follow it were woken.")
    key = models.CharField(max_length=64, db_default="fmi", help_text="Facts of one key are told in their order.")
    shares = models.JSONField(null=True, help_text="Participant's id: what of the fact it reads. * is everybody.")
    correlation_id = models.UUIDField(null=True, help_text="Ties together all that follows from one request or tick.")
    position = models.BigIntegerField(null=True, help_text="Place in the order of published facts, without a gap.")
    published_at = models.DateTimeField(null=True, help_text="When every sink had it.")

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="outbox_waiting", condition=models.Q(delivered_at__isnull=True)),
            models.Index(fields=["id"], name="outbox_unplaced", condition=models.Q(position__isnull=True)),
            models.Index(fields=["id"], name="outbox_unpublished", condition=models.Q(published_at__isnull=True)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["position"], name="outbox_one_fact_a_position", condition=models.Q(position__isnull=False)
            ),
            models.CheckConstraint(name="outbox_position_positive", condition=models.Q(position__gt=0)),
            models.CheckConstraint(
                name="outbox_published_in_place",
                condition=models.Q(published_at__isnull=True) | models.Q(position__isnull=False),
            ),
        ]
        triggers = [
            *refuse_delete(table="events_outboxfact"),
            immutable_columns(table="events_outboxfact", columns=RECORDED),
            pgtrigger.Trigger(
                name="events_outboxfact_once",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("position", "published_at", "delivered_at"),
                condition=pgtrigger.Condition(
                    "OLD.position IS NOT NULL AND NEW.position IS DISTINCT FROM OLD.position"
                    " OR OLD.published_at IS NOT NULL AND NEW.published_at IS DISTINCT FROM OLD.published_at"
                    " OR OLD.delivered_at IS NOT NULL AND NEW.delivered_at IS DISTINCT FROM OLD.delivered_at"
                ),
                func="RAISE EXCEPTION 'a fact is placed, published and delivered once'"
                " USING ERRCODE = 'restrict_violation';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.pk}"
