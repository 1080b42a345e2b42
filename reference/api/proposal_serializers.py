"""Shapes of proposals in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reference.api.fields import ParticipantCode
from reference.core.proposal_lifecycle import ProposalStatus
from reference.four_eyes import differences_of
from reference.models import Proposal

PROPOSAL_STATUS_CHOICES = [(state.value, state.title()) for state in ProposalStatus]


class DifferenceSerializer(serializers.Serializer[Any]):
    """One thing that would change, in words."""

    label: Any = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class ProposalSerializer(serializers.ModelSerializer[Proposal]):
    """A change that waits for, or had, a second person."""

    id = serializers.UUIDField(source="public_id", read_only=True)
    participant: Any = serializers.SerializerMethodField(help_text="Whose subject it is; null: operators alone.")
    status = serializers.ChoiceField(choices=PROPOSAL_STATUS_CHOICES)
    changes = serializers.SerializerMethodField()
    decided_by = serializers.CharField(allow_null=True)

    class Meta:
        """What, of what, by whom, and what came of it."""

        model = Proposal
        fields = [
            "id", "kind", "subject_type", "subject", "participant", "summary", "changes", "status",
            "proposed_by", "proposed_at", "expires_at", "decided_by", "decided_at", "reason",
        ]  # fmt: skip

    def get_participant(self, proposal: Proposal) -> str | None:
        """Return the participant's code."""
        found = proposal.participant_id
        return None if found is None else ParticipantCode().to_representation(found)

    @extend_schema_field(DifferenceSerializer(many=True))
    def get_changes(self, proposal: Proposal) -> Any:
        """Return what would change, in words."""
        known = self.context.get("differences", {}).get(proposal.pk)
        found = known if known is not None else differences_of(proposals=[proposal])[proposal.pk]
        return DifferenceSerializer(found, many=True).data

    def to_representation(self, instance: Proposal) -> Any:
        """Write nobody as null."""
        written = super().to_representation(instance)
        return {**written, "decided_by": written["decided_by"] or None}


class ReasonSerializer(serializers.Serializer[Any]):
    """Why a proposal is decided so."""

    reason = serializers.CharField(max_length=400, required=False, allow_blank=True, default="")
