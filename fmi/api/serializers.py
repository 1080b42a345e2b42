"""A thing with its whole life, composed from all floors."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from clearing.api.serializers import ObligationSerializer
from settlement.api.party_serializers import ShownLinkSerializer
from settlement.api.serializers import InstructionSerializer
from trades.api.compliance_serializers import EnrichmentSerializer
from trades.api.serializers import TradeSerializer


class LinkSerializer(serializers.Serializer[Any]):
    """What a step points at."""

    kind = serializers.CharField()
    key = serializers.CharField()


class LifeStepSerializer(serializers.Serializer[Any]):
    """Something that happened: when, from which state to which, why, by whom."""

    at = serializers.DateTimeField(help_text="Business time.")
    recorded_at = serializers.DateTimeField(allow_null=True, help_text="Wall-clock time.")
    title = serializers.CharField()
    state = serializers.CharField(help_text="How the step is drawn; often the state after it.")
    before = serializers.CharField()
    after = serializers.CharField()
    why = serializers.CharField()
    by = serializers.CharField()
    details = serializers.SerializerMethodField()
    link = LinkSerializer(allow_null=True)

    def get_details(self, step: Any) -> list[dict[str, str]]:
        """Return the figures of the step."""
        return [{"label": label, "value": value} for label, value in step.details]


class TradeLifeSerializer(TradeSerializer):
    """A trade, what it became, and every step on the way."""

    obligations = ObligationSerializer(many=True)
    instructions = InstructionSerializer(many=True)
    enrichment = EnrichmentSerializer(allow_null=True, help_text="null until it is enriched.")
    life = LifeStepSerializer(many=True)

    class Meta(TradeSerializer.Meta):
        """The trade's fields, and its life."""

        fields = [*TradeSerializer.Meta.fields, "obligations", "instructions", "enrichment", "life"]


class InstructionLifeSerializer(InstructionSerializer):
    """An instruction, its links, and every step of its life."""

    links = ShownLinkSerializer(many=True)
    life = LifeStepSerializer(many=True)

    class Meta(InstructionSerializer.Meta):
        """The instruction's fields, and its life."""

        fields = [*InstructionSerializer.Meta.fields, "links", "life"]


class TradeSettlementSerializer(serializers.Serializer[Any]):
    """How a trade settles."""

    trade_id = serializers.CharField(help_text="The reporter's own reference.")
    id = serializers.UUIDField(help_text="The trade's id.")
    trade_status = serializers.CharField()
    settlement_id = serializers.UUIDField(allow_null=True, help_text="The instruction that settles it, if any.")
    settlement_status = serializers.CharField(
        help_text="UNMATCHED, UNINSTRUCTED, or the T2S status: USET, PSET, SETT, CANC."
    )
    pending_status = serializers.CharField(help_text="PEND, PENF past the intended date, or empty.")
    reason_codes = serializers.ListField(child=serializers.CharField())
    settlement_date = serializers.DateField(help_text="When it settled; until then when it is to.")
    final_amount = serializers.CharField(help_text="What the buyer pays for it: the deliverer's amount once matched.")
    currency = serializers.CharField()
    netted = serializers.BooleanField(help_text="Whether it settles together with other trades, as a net.")
    instructions = serializers.ListField(child=serializers.UUIDField(), help_text="All: each side's, if netted.")
