"""Facts waiting to be delivered, and the audit log."""

from django.db import models
from django.db.models.functions import Now

from reference.triggers import append_only, refuse_delete


class OutboxFact(models.Model):
    """A fact recorded in the transaction that made it true; delivered after commit, until acknowledged."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=64, help_text="The contract's class name.")
    version = models.SmallIntegerField(default=1, help_text="The contract's schema version.")
    payload = models.JSONField()
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["id"], name="outbox_waiting", condition=models.Q(delivered_at__isnull=True))]
        triggers = refuse_delete(table="events_outboxfact")

    def __str__(self) -> str:
        return f"{self.name} {self.pk}"


class AuditRecord(models.Model):
    """Who did what, when and to what: one row per action. A bulk file is one action."""

    id = models.BigAutoField(primary_key=True)
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")
    at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField()
    actor = models.CharField(max_length=150)
    role = models.CharField(max_length=12)
    participant = models.ForeignKey("reference.Participant", null=True, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=48, help_text="noun.verb, such as trade.cancelled")
    object_type = models.CharField(max_length=24, blank=True)
    object_id = models.BigIntegerField(null=True)
    summary = models.TextField()
    detail = models.JSONField(default=dict, help_text="before, after, counts, reasons")
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of the record's canonical JSON.")

    class Meta:
        indexes = [
            models.Index(fields=["object_type", "object_id"], name="audit_object"),
            models.Index(fields=["business_date", "id"], name="audit_business_date"),
        ]
        triggers = append_only(table="events_auditrecord")

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"

    @property
    def digest_hex(self) -> str:
        """Return the digest as it is written."""
        return bytes(self.digest).hex()
