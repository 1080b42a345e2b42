"""The audit log: who did what, when, from where, with what before and after."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from events.core.canonical import canonical_sql
from reference.origin import Door
from reference.triggers import append_only

DIGEST_VERSION = 2


class AuditRecord(models.Model):
    """Who did what, when, from where and to what: one row per action. A bulk file is one action."""

    id = models.BigAutoField(primary_key=True)
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")
    at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField()
    actor = models.CharField(max_length=150)
    role = models.CharField(max_length=12)
    participant = models.ForeignKey("reference.Participant", null=True, on_delete=models.PROTECT, related_name="+")
    door = models.CharField(
        max_length=8, blank=True, default="", db_default="", help_text="Through what: a page, the API, a task, …"
    )
    address = models.CharField(max_length=45, blank=True, default="", db_default="", help_text="The client's address.")
    client = models.CharField(
        max_length=64, blank=True, default="", db_default="",
        help_text="The API key's public id; the name of the task or the command.",
    )  # fmt: skip
    correlation_id = models.UUIDField(null=True, help_text="The same in all that follows from one request or tick.")
    action = models.CharField(max_length=48, help_text="noun.verb, such as trade.cancelled")
    object_type = models.CharField(max_length=24, blank=True)
    object_id = models.BigIntegerField(null=True)
    summary = models.TextField()
    detail = models.JSONField(default=dict, help_text="before, after, counts, reasons")
    digest_version = models.SmallIntegerField(
        default=DIGEST_VERSION, help_text="2: the database's digest of the whole row. 1: of what it had before."
    )
    digest = models.BinaryField(max_length=32, help_text="SHA-256(0x00 || canonical record): its leaf when sealed.")

    class Meta:
        """The database itself puts the time and the digest on each record, and the record among those to be sealed."""

        constraints = [
            models.CheckConstraint(condition=Q(door__in=["", *(door.value for door in Door)]), name="audit_door_known"),
            models.CheckConstraint(condition=Q(digest_version__in=[1, 2]), name="audit_digest_version_known"),
        ]
        indexes = [
            models.Index(fields=["object_type", "object_id"], name="audit_object"),
            models.Index(fields=["business_date", "id"], name="audit_business_date"),
            models.Index(
                fields=["correlation_id", "id"], name="audit_correlation", condition=Q(correlation_id__isnull=False)
            ),
            models.Index(fields=["client", "id"], name="audit_client", condition=~Q(client="")),
        ]
        triggers = [
            *append_only(table="events_auditrecord"),
            pgtrigger.Trigger(
                name="events_auditrecord_digested",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=f"""
                    NEW.recorded_at := clock_timestamp();
                    NEW.digest_version := {DIGEST_VERSION};
                    NEW.digest := sha256('\\x00'::bytea || convert_to({canonical_sql(row="NEW")}, 'UTF8'));
                    INSERT INTO events_unsealedrecord (record_id) VALUES (NEW.id);
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"

    @property
    def digest_hex(self) -> str:
        """Return the digest as it is written."""
        return bytes(self.digest).hex()
