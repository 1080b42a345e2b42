"""The audit log in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from events.core.seals import write_seal
from events.filters import AuditFilter
from events.models import AuditRecord, SealedBatch
from events.queries.audit import visible_records
from events.queries.seals import prove_record, seals, signed_seal_of
from reference.api.base import ActorListView, ActorView
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope

RECORD_EXAMPLE = {
    "id": 4711,
    "recorded_at": "2008-09-15T08:30:00.123456Z",
    "at": "2008-09-15T10:30:00+02:00",
    "business_date": "2008-09-15",
    "actor": "operator",
    "role": "OPERATOR",
    "participant": None,
    "door": "API",
    "address": "192.0.2.7",
    "client": "fmi_3kf9w2",
    "correlation_id": "5b3c1c52-8f0e-4c58-9b0c-0a4f4b0c9a11",
    "action": "client.change",
    "object_type": "client",
    "object_id": 12,
    "summary": "Client C-12 changed: name",
    "detail": {"name": {"before": "Old", "after": "New"}},
    "digest_version": 2,
    "digest": "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
}
SEAL_EXAMPLE = {
    "number": 3,
    "first_position": 8193,
    "last_position": 8420,
    "root": "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "previous_head": "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "sealed_at_us": 1221467400123456,
    "head": "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "key_id": "56475aa75463474c",
    "signature": "c2lnbmF0dXJl",
}
PROOF_EXAMPLE = {
    "format": "mini-fmi audit proof 1",
    "record": '[4711, "2008-09-15T08:30:00.123456Z", "…"]',
    "position": 8193,
    "leaf": "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "path": ["aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"],
    "seal": SEAL_EXAMPLE,
}


class AuditRecordSerializer(serializers.ModelSerializer[AuditRecord]):
    """Who did what, when, from where and to what."""

    participant = serializers.CharField(source="participant.code", default=None, allow_null=True)
    door = serializers.CharField(help_text="PAGE, API, ADMIN, TASK or COMMAND; empty in records of before.")
    detail: Any = serializers.JSONField(help_text="Before, after, counts, reasons.")
    digest = serializers.SerializerMethodField(help_text="SHA-256(0x00 || canonical record), its leaf once sealed.")

    class Meta:
        """The whole record."""

        model = AuditRecord
        fields = [
            "id", "recorded_at", "at", "business_date", "actor", "role", "participant", "door", "address", "client",
            "correlation_id", "action", "object_type", "object_id", "summary", "detail", "digest_version", "digest",
        ]  # fmt: skip

    def get_digest(self, record: AuditRecord) -> str:
        """Return the digest in hexadecimal."""
        return bytes(record.digest).hex()


class AuditSealSerializer(serializers.Serializer[SealedBatch]):
    """A batch of consecutive records under one signed head."""

    number = serializers.IntegerField(help_text="From 1, without a gap.")
    first_position = serializers.IntegerField()
    last_position = serializers.IntegerField()
    root: Any = serializers.CharField(help_text="Of the Merkle tree (RFC 6962) over the leaves.")
    previous_head = serializers.CharField(help_text="64 zeros before the first.")
    sealed_at_us = serializers.IntegerField(help_text="Microseconds since 1970, UTC.")
    head = serializers.CharField(
        help_text="SHA-256(0x02 || number || first || last || sealed_at_us || root || previous head)."
    )
    key_id = serializers.CharField()
    signature = serializers.CharField(help_text="Ed25519 over 'mini-fmi audit head\\n' and the head, in base64.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Write a seal as it stands in the file of heads."""
        if isinstance(instance, SealedBatch):
            return write_seal(signed=signed_seal_of(batch=instance))
        return dict(instance)


class AuditProofSerializer(serializers.Serializer[Any]):
    """What proves, without the database, that a record is in the sealed log."""

    format = serializers.CharField()
    record = serializers.CharField(help_text="The canonical record: a JSON array, in the words of docs/audit.md.")
    position = serializers.IntegerField()
    leaf = serializers.CharField()
    path = serializers.ListField(child=serializers.CharField(), help_text="The leaf's neighbours, from the bottom up.")
    seal = AuditSealSerializer()


@extend_schema_view(
    get=extend_schema(
        operation_id="audit_list",
        summary="List audit records, newest first",
        examples=[OpenApiExample("A change", value=RECORD_EXAMPLE, response_only=True)],
    )
)
class AuditList(ActorListView[AuditRecord]):
    """Audit records, newest first. A participant sees its own logins' actions."""

    read_scope = Scope.AUDIT_READ
    queryset = AuditRecord.objects.all()
    serializer_class = AuditRecordSerializer
    filterset_class = AuditFilter

    def get_queryset(self) -> QuerySet[AuditRecord]:
        """Return what the actor sees."""
        return visible_records(actor=self.actor)


class AuditDetail(ActorView[AuditRecord]):
    """One audit record."""

    read_scope = Scope.AUDIT_READ
    queryset = AuditRecord.objects.all()
    serializer_class = AuditRecordSerializer
    filter_backends: list[Any] = []

    @extend_schema(
        operation_id="audit_retrieve",
        summary="Read one audit record",
        examples=[OpenApiExample("A change", value=RECORD_EXAMPLE, response_only=True)],
        responses={200: AuditRecordSerializer, **problems(404)},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Answer with the record."""
        record = get_object_or_404(visible_records(actor=self.actor), pk=pk)
        return Response(AuditRecordSerializer(record).data)


class AuditProof(ActorView[AuditRecord]):
    """The proof of one audit record."""

    read_scope = Scope.AUDIT_READ
    queryset = AuditRecord.objects.all()
    serializer_class = AuditProofSerializer
    filter_backends: list[Any] = []

    @extend_schema(
        operation_id="audit_proof_retrieve",
        summary="Prove that an audit record is in the sealed log",
        description="Verified offline by `manage.py verify_audit --proof FILE`. 404 while the record waits for its "
        "seal, which takes some seconds.",
        examples=[OpenApiExample("A proof", value=PROOF_EXAMPLE, response_only=True)],
        responses={200: AuditProofSerializer, **problems(404)},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Answer with the proof."""
        get_object_or_404(visible_records(actor=self.actor), pk=pk)
        proof = prove_record(record_id=pk)
        if proof is None:
            raise NotFound("The record waits for its seal.")
        return Response(proof)


@extend_schema_view(
    get=extend_schema(
        operation_id="audit_seals_list",
        summary="List the seals of the audit log, newest first",
        description="For operators and auditors: the heads to keep somewhere else, and to compare.",
        examples=[OpenApiExample("A seal", value=SEAL_EXAMPLE, response_only=True)],
        responses={200: AuditSealSerializer(many=True), **problems(403)},
    )
)
class AuditSealList(ActorListView[SealedBatch]):
    """Seals, newest first."""

    read_scope = Scope.AUDIT_READ
    queryset = SealedBatch.objects.all()
    serializer_class = AuditSealSerializer
    filterset_class = None
    cursor_ordering = "-number"

    def get_queryset(self) -> QuerySet[SealedBatch]:
        """Return the seals."""
        self.require_role(Role.OPERATOR, Role.AUDITOR)
        return seals()
