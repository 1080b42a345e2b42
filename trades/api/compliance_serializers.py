"""Shapes of compliance and enrichment in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from reference.api.fields import decimal_text
from reference.queries import directory
from trades.core.alert_lifecycle import AlertStatus
from trades.models import ComplianceAlert, ComplianceRule, RestrictedEntry, RuleAction
from trades.models.compliance_rule import RANGES
from trades.queries.compliance import Enriched

BASE_DIGITS = 2


class ComplianceAlertSerializer(serializers.ModelSerializer[ComplianceAlert]):
    """What a rule found on an order or a trade."""

    rule = serializers.CharField(source="rule.code")
    kind = serializers.CharField(source="rule.kind")
    order = serializers.UUIDField(source="order_id", allow_null=True, help_text="The order's id.")
    trade = serializers.UUIDField(source="trade.public_id", default=None, allow_null=True, help_text="The trade's id.")
    participant = serializers.CharField(source="participant.code")
    isin = serializers.CharField(source="security.code")

    class Meta:
        """Its subject, what was found, and what became of it."""

        model = ComplianceAlert
        fields = ["id", "severity", "status", "rule", "kind", "order", "trade", "participant", "isin", "words",
                  "figure", "allowed", "at", "business_date", "handled_by", "handled_at", "note"]  # fmt: skip


class AlertStepSerializer(serializers.Serializer[Any]):
    """What becomes of an alert."""

    status = serializers.ChoiceField(choices=[AlertStatus.ACKNOWLEDGED.value, AlertStatus.CLOSED.value])
    note = serializers.CharField(max_length=1_000, required=False, allow_blank=True, default="",
                                 help_text="What was found out; needed to close.")  # fmt: skip


class ComplianceRuleSerializer(serializers.ModelSerializer[ComplianceRule]):
    """A rule; parameters of other kinds are null. Amounts in EUR cents."""

    security = serializers.CharField(source="security.code", default=None, allow_null=True)
    client = serializers.CharField(source="client.code", default=None, allow_null=True)
    participant = serializers.CharField(source="participant.code", default=None, allow_null=True)

    class Meta:
        """What it looks at, its figures, where it holds, what it does."""

        model = ComplianceRule
        fields = [
            "code",
            "name",
            "kind",
            "action",
            "active",
            "valid_from",
            "security",
            "client",
            "participant",
            *RANGES,
        ]


class RuleChangeSerializer(serializers.Serializer[Any]):
    """New values of a rule; what is left out stays, null takes a parameter away."""

    action = serializers.ChoiceField(choices=RuleAction.choices, required=False)
    active = serializers.BooleanField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """Add a whole number for each parameter."""
        numbers = {
            name: serializers.IntegerField(required=False, allow_null=True, min_value=least, max_value=most)
            for name, (least, most) in RANGES.items()
        }
        return {**super().get_fields(), **numbers}


class ProposedRuleSerializer(serializers.Serializer[Any]):
    """The proposal that the change waits in."""

    proposal = serializers.UUIDField()
    status = serializers.CharField()


class RestrictedEntrySerializer(serializers.ModelSerializer[RestrictedEntry]):
    """An entry of the restricted list."""

    isin = serializers.CharField(source="security.code")
    participant = serializers.CharField(source="participant.code", default=None, allow_null=True,
                                        help_text="null: everybody.")  # fmt: skip

    class Meta:
        """Who may not trade what, from when until when, and why."""

        model = RestrictedEntry
        fields = ["id", "isin", "participant", "reason", "valid_from", "valid_to", "entered_by", "ended_by"]


class RestrictionSerializer(serializers.Serializer[Any]):
    """A security to be restricted."""

    security = serializers.CharField(max_length=12, help_text="ISIN.")
    participant = serializers.CharField(max_length=12, required=False, default="", allow_blank=True,
                                        help_text="Participant code; left out: everybody.")  # fmt: skip
    reason = serializers.CharField(max_length=200)
    valid_from = serializers.DateField(required=False, help_text="Today, where left out.")
    valid_to = serializers.DateField(required=False, allow_null=True)


class RiskPartSerializer(serializers.Serializer[Any]):
    """One part of a risk score."""

    name = serializers.CharField()
    points = serializers.IntegerField()
    most = serializers.IntegerField()
    why = serializers.CharField()


class EnrichmentSerializer(serializers.Serializer[Any]):
    """The market when it came, what it is worth, and its risk score with its parts."""

    price_source = serializers.CharField(help_text="QUOTE, CLOSE (of the day before) or NONE.")
    mid = serializers.CharField(allow_null=True, help_text="Decimal string.")
    spread = serializers.CharField(allow_null=True, help_text="Decimal string.")
    quoted_at = serializers.DateTimeField(allow_null=True)
    priced_on = serializers.DateField(allow_null=True)
    notional = serializers.CharField(allow_null=True, help_text="In its own currency; decimal string.")
    notional_eur = serializers.CharField(allow_null=True, help_text="Decimal string; null without an exchange rate.")
    average_volume = serializers.IntegerField(allow_null=True)
    size_bp = serializers.IntegerField(allow_null=True)
    deviation_bp = serializers.IntegerField(allow_null=True)
    spread_bp = serializers.IntegerField(allow_null=True)
    counterparty_bp = serializers.IntegerField(allow_null=True)
    settlement_days = serializers.IntegerField()
    risk_score = serializers.IntegerField()
    parts = RiskPartSerializer(many=True)
    enriched_at = serializers.DateTimeField()


def enrichment_document(*, enriched: Enriched, currency_id: int) -> dict[str, Any]:
    """Write an enrichment, its amounts as decimal strings."""
    row, digits = enriched.row, directory().currencies[currency_id].digits
    same = ("quoted_at", "priced_on", "size_bp", "deviation_bp", "spread_bp", "counterparty_bp", "settlement_days",
            "risk_score", "price_source", "enriched_at")  # fmt: skip
    return {name: getattr(row, name) for name in same} | {
        "mid": None if row.mid is None else f"{row.mid.normalize():f}",
        "spread": None if row.spread is None else f"{row.spread.normalize():f}",
        "notional": None if row.notional_minor is None else decimal_text(minor=row.notional_minor, digits=digits),
        "notional_eur": None
        if row.notional_base_minor is None
        else decimal_text(minor=row.notional_base_minor, digits=BASE_DIGITS),
        "average_volume": row.average_volume_units,
        "parts": [
            {"name": part.name.lower(), "points": part.points, "most": part.most, "why": part.why}
            for part in enriched.parts
        ],
    }
