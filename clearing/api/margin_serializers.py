"""Shapes of margin in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from clearing.core.position_file import LARGEST_QUANTITY, MOST_POSITIONS
from clearing.models import MarginRun
from clearing.queries.what_if import MarginParts
from reference.api.fields import decimal_text

AMOUNT = "Decimal string."


class MarginPartsSerializer(serializers.Serializer[Any]):
    """A margin and its parts; the requirement is base, concentration and anti-procyclicality."""

    requirement = serializers.CharField(help_text=AMOUNT)
    base = serializers.CharField(help_text="Expected shortfall or VaR, by the parameters; decimal string.")
    concentration = serializers.CharField(help_text=AMOUNT)
    procyclicality = serializers.CharField(help_text=AMOUNT)
    expected_shortfall = serializers.CharField(help_text="Beside; decimal string.")
    value_at_risk = serializers.CharField(help_text="Beside; decimal string.")
    flat_rate = serializers.CharField(help_text="Beside; decimal string.")
    gross = serializers.CharField(help_text="Sum of the absolute market values; decimal string.")


def parts_document(*, parts: MarginParts, digits: int) -> dict[str, str]:
    """Write a margin's parts as decimal strings."""
    names = ("requirement", "base", "concentration", "procyclicality", "expected_shortfall", "value_at_risk")
    return {name: decimal_text(minor=getattr(parts, name), digits=digits) for name in names} | {
        "flat_rate": decimal_text(minor=parts.flat, digits=digits),
        "gross": decimal_text(minor=parts.gross, digits=digits),
    }


class PortfolioMarginSerializer(MarginPartsSerializer):
    """What one portfolio was margined for in a run."""

    account = serializers.CharField()
    participant = serializers.CharField()
    member = serializers.CharField(help_text="Who answers for it.")
    worth = serializers.CharField(help_text="Open positions at market value and their cash; decimal string.")
    variation = serializers.CharField(help_text="Received (+) or paid (−) in the run; decimal string.")
    variation_by = serializers.CharField(help_text="JOURNAL: at once; CALL: by a margin call; ESTATE: in a default.")
    securities = serializers.IntegerField(help_text="How many it is made of.")


class MarginSegmentSerializer(serializers.Serializer[Any]):
    """A run's portfolios in one currency, the largest requirement first."""

    currency = serializers.CharField()
    requirement = serializers.CharField(help_text="Of all of them; decimal string.")
    portfolios = PortfolioMarginSerializer(many=True)


class RefusedRunSerializer(serializers.Serializer[Any]):
    """A run that was refused after the last one."""

    kind = serializers.CharField()
    business_date = serializers.DateField()
    at = serializers.DateTimeField()
    code = serializers.CharField()
    message = serializers.CharField()


class MarginRunSerializer(serializers.ModelSerializer[MarginRun]):
    """One mark to market and margin of every portfolio."""

    class Meta:
        """Which, when, and at what prices."""

        model = MarginRun
        fields = ["id", "kind", "business_date", "at", "priced_on", "portfolios"]


class MarginReportSerializer(serializers.Serializer[Any]):
    """The last margin run, as far as the actor may see it."""

    run: Any = MarginRunSerializer(allow_null=True)
    refused = RefusedRunSerializer(many=True)
    segments = MarginSegmentSerializer(many=True)


class GivenPositionSerializer(serializers.Serializer[Any]):
    """A position to add: bought above zero, sold below."""

    security = serializers.CharField(max_length=24, help_text="ISIN or symbol.")
    quantity = serializers.IntegerField(min_value=-LARGEST_QUANTITY, max_value=LARGEST_QUANTITY)


class WhatIfEntrySerializer(serializers.Serializer[Any]):
    """The positions to add, as a list or as a CSV file, and the portfolio that they are added to."""

    account = serializers.CharField(
        max_length=40,
        required=False,
        help_text="A securities account; a participant's own where left out, an operator's then begins empty.",
    )
    positions = serializers.ListField(child=GivenPositionSerializer(), required=False, max_length=MOST_POSITIONS)
    csv = serializers.CharField(
        required=False, max_length=200_000, trim_whitespace=False, help_text="Columns: security, quantity."
    )
    file = serializers.FileField(required=False, help_text="The same as an upload (multipart).")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take one way of giving positions."""
        if sum(name in attrs for name in ("positions", "csv", "file")) != 1:
            raise serializers.ValidationError("Give positions, csv or file, one of the three.")
        return attrs


class WhatIfSegmentSerializer(serializers.Serializer[Any]):
    """Margin in one currency, before and after."""

    currency = serializers.CharField()
    before = MarginPartsSerializer()
    after = MarginPartsSerializer()
    increment = MarginPartsSerializer()


class WhatIfSerializer(serializers.Serializer[Any]):
    """What added positions would cost in margin. Nothing is stored."""

    account = serializers.CharField(allow_null=True)
    priced_on = serializers.DateField(allow_null=True)
    segments = WhatIfSegmentSerializer(many=True)
