"""The sealed audit log: each record's leaf at its position, batches of them under a signed head, and verifications."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from events.core.seals import MOST_RECORDS
from events.models.audit import AuditRecord
from reference.triggers import append_only, immutable_columns, refuse_truncate


class UnsealedRecord(models.Model):
    """A record that waits for its seal. It commits with its record, so the sealer sees what has committed, all of it.

    A mark up to which all is sealed would pass over records that commit late; a row of one's own cannot be passed over.
    """

    record_id = models.BigIntegerField(primary_key=True)

    class Meta:
        triggers = [
            immutable_columns(table="events_unsealedrecord", columns=("record_id",)),
            refuse_truncate(table="events_unsealedrecord"),
        ]

    def __str__(self) -> str:
        return str(self.record_id)


class AuditLeaf(models.Model):
    """A record's place in the sealed log, and the hash of what it said when it was sealed."""

    position = models.BigIntegerField(primary_key=True)
    record = models.OneToOneField(AuditRecord, on_delete=models.PROTECT, related_name="leaf")
    leaf = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(position__gte=1), name="auditleaf_from_one")]
        triggers = append_only(table="events_auditleaf")

    def __str__(self) -> str:
        return f"{self.position}: {self.record_id}"


class SealedBatch(models.Model):
    """Consecutive positions under one signed head, which also vouches for all batches before it."""

    number = models.BigIntegerField(primary_key=True)
    first_position = models.BigIntegerField(unique=True)
    last_position = models.BigIntegerField(unique=True)
    root = models.BinaryField(max_length=32, help_text="Of the Merkle tree over the leaves (RFC 6962).")
    previous_head = models.BinaryField(max_length=32)
    head = models.BinaryField(max_length=32, unique=True)
    signature = models.BinaryField(max_length=64, help_text="Ed25519 (RFC 8032).")
    key_id = models.CharField(max_length=16)
    sealed_at = models.DateTimeField(help_text="Wall-clock time; it is under the head.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last_position__gte=F("first_position"))
                & Q(last_position__lt=F("first_position") + MOST_RECORDS),
                name="sealedbatch_size",
            ),
        ]
        triggers = [
            *append_only(table="events_sealedbatch"),
            pgtrigger.Trigger(
                name="events_sealedbatch_follows",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("before", "events_sealedbatch")],
                func="""
                    SELECT * INTO before FROM events_sealedbatch ORDER BY number DESC LIMIT 1;
                    IF NEW.number <> coalesce(before.number, 0) + 1
                        OR NEW.first_position <> coalesce(before.last_position, 0) + 1
                        OR NEW.previous_head <> coalesce(before.head, decode(repeat('00', 32), 'hex'))
                        OR (SELECT count(*) FROM events_auditleaf
                            WHERE position BETWEEN NEW.first_position AND NEW.last_position)
                            <> NEW.last_position - NEW.first_position + 1
                    THEN
                        RAISE EXCEPTION 'seal % does not follow the one before it', NEW.number
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'events_sealedbatch_follows';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"seal {self.number}"


class AuditVerification(models.Model):
    """One verification of the log, or a refusal to seal: what was looked at, and the first fault."""

    id = models.BigAutoField(primary_key=True)
    verified_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")
    batches = models.BigIntegerField()
    records = models.BigIntegerField()
    seconds = models.DecimalField(max_digits=10, decimal_places=3)
    fault = models.TextField(blank=True, help_text="The first bad range in words, empty where all is as it was sealed.")

    class Meta:
        triggers = append_only(table="events_auditverification")

    def __str__(self) -> str:
        return self.fault or "as it was sealed"
