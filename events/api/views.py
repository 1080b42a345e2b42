"""The audit log in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers

from events.filters import AuditFilter
from events.models import AuditRecord
from events.queries import visible_records
from reference.api.base import ActorListView


class AuditRecordSerializer(serializers.ModelSerializer[AuditRecord]):
    """Who did what, when and to what."""

    participant = serializers.CharField(source="participant.code", default=None, allow_null=True)
    detail: Any = serializers.JSONField(help_text="Before, after, counts, reasons.")
    digest = serializers.SerializerMethodField(help_text="SHA-256 of the record's canonical JSON.")

    class Meta:
        """The whole record."""

        model = AuditRecord
        fields = [
            "id", "recorded_at", "at", "business_date", "actor", "role", "participant", "action",
            "object_type", "object_id", "summary", "detail", "digest",
        ]  # fmt: skip

    def get_digest(self, record: AuditRecord) -> str:
        """Return the digest in hexadecimal."""
        return bytes(record.digest).hex()


@extend_schema_view(get=extend_schema(operation_id="audit_list", summary="List audit records, newest first"))
class AuditList(ActorListView[AuditRecord]):
    """Audit records, newest first. A participant sees its own logins' actions."""

    queryset = AuditRecord.objects.all()
    serializer_class = AuditRecordSerializer
    filterset_class = AuditFilter

    def get_queryset(self) -> QuerySet[AuditRecord]:
        """Return what the actor sees."""
        return visible_records(actor=self.actor)
