"""The audit log in Django's admin: for inspection."""

from django.contrib import admin

from events.models import AuditLeaf, AuditRecord, AuditVerification, SealedBatch, UnsealedRecord
from reference.admin_pages import FactAdmin


@admin.register(AuditRecord)
class AuditRecordAdmin(FactAdmin):
    """Who did what, when and to what."""

    list_display = [
        "at",
        "actor",
        "role",
        "participant",
        "door",
        "address",
        "client",
        "action",
        "object_type",
        "object_id",
        "summary",
    ]
    list_select_related = ["participant"]
    list_filter = ["door"]
    search_fields = [
        "actor__exact",
        "action__startswith",
        "object_type__exact",
        "client__exact",
        "correlation_id__exact",
    ]


@admin.register(SealedBatch)
class SealedBatchAdmin(FactAdmin):
    """Seals of the audit log."""

    list_display = ["number", "first_position", "last_position", "sealed_at", "key_id"]


@admin.register(AuditLeaf)
class AuditLeafAdmin(FactAdmin):
    """Places of the records in the sealed log."""

    list_display = ["position", "record_id"]


@admin.register(UnsealedRecord)
class UnsealedRecordAdmin(FactAdmin):
    """Records that wait for their seal."""

    list_display = ["record_id"]


@admin.register(AuditVerification)
class AuditVerificationAdmin(FactAdmin):
    """What verifications found."""

    list_display = ["verified_at", "batches", "records", "seconds", "fault"]
