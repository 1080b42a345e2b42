"""A thing with its whole life, composed from all floors."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from clearing.api.serializers import ObligationSerializer
from settlement.api.serializers import InstructionSerializer
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
    life = LifeStepSerializer(many=True)

    class Meta(TradeSerializer.Meta):
        """The trade's fields, and its life."""

        fields = [*TradeSerializer.Meta.fields, "obligations", "instructions", "life"]


class InstructionLifeSerializer(InstructionSerializer):
    """An instruction, and every step of its life."""

    life = LifeStepSerializer(many=True)

    class Meta(InstructionSerializer.Meta):
        """The instruction's fields, and its life."""

        fields = [*InstructionSerializer.Meta.fields, "life"]
