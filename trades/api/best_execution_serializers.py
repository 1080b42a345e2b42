"""Shapes of the best execution report in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class ExecutionQualitySerializer(serializers.Serializer[Any]):
    """How well one venue, client, security or order was executed."""

    code = serializers.CharField(help_text="MIC, client's code, symbol, or the client's reference of the order.")
    name = serializers.CharField(help_text="Its name; of an order, its id.")
    orders = serializers.IntegerField()
    fills = serializers.IntegerField()
    value = serializers.CharField(help_text="Decimal string, EUR.")
    passive_share = serializers.FloatField(help_text="Of the value: what stood in the book (RTS 28, Article 2).")
    slippage = serializers.CharField(allow_null=True, help_text="Against the middle on arrival; above zero is worse.")
    slippage_bp = serializers.FloatField(allow_null=True)
    improvement = serializers.CharField(
        allow_null=True, help_text="Of what was taken, against the venue's quote when chosen; above zero is better."
    )
    improvement_bp = serializers.FloatField(allow_null=True)
    fees = serializers.CharField(help_text="Decimal string, EUR.")
    fees_bp = serializers.FloatField(allow_null=True)
    all_in_bp = serializers.FloatField(allow_null=True, help_text="Slippage and fees together.")
    slices = serializers.IntegerField(help_text="Parts of orders sent.")
    fill_ratio = serializers.FloatField(allow_null=True, help_text="Mean of what its slices filled.")
    latency_ms = serializers.FloatField(allow_null=True)
    slow_latency_ms = serializers.FloatField(allow_null=True, help_text="The 95th percentile.")
    refused = serializers.IntegerField(help_text="Slices the venue refused, or that were given up.")
    repeated = serializers.IntegerField(help_text="Calls made again after a failure.")


class BestExecutionSerializer(serializers.Serializer[Any]):
    """Execution quality over some business days, the most value first."""

    by = serializers.ChoiceField(choices=["venue", "client", "security", "order", "all"])
    since = serializers.DateField()
    until = serializers.DateField()
    currency = serializers.CharField()
    rows = ExecutionQualitySerializer(many=True)
