"""Shapes of executions in the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reference.core.limits import LARGEST_AMOUNT
from trades.core.order_lifecycle import OrderStatus
from trades.models import Fill


class ExecutionReportSerializer(serializers.Serializer[Any]):
    """What a venue executed of an order."""

    execution_id = serializers.RegexField(
        r"\A[A-Za-z0-9][A-Za-z0-9 ./_:+-]*\Z", max_length=35, help_text="The venue's reference; once per venue."
    )
    executed_price = serializers.DecimalField(max_digits=18, decimal_places=6)
    executed_quantity = serializers.IntegerField(min_value=1, max_value=LARGEST_AMOUNT)
    timestamp = serializers.DateTimeField(help_text="When it was executed, in business time.")
    exchange_id = serializers.CharField(max_length=4, help_text="MIC of the venue.")
    execution_fees = serializers.DecimalField(
        max_digits=19, decimal_places=4, required=False, allow_null=True, default=None,
        help_text="In the order's currency; below zero a rebate. By the venue's schedule, where left out.",
    )  # fmt: skip
    counterparty = serializers.CharField(
        max_length=12, required=False, allow_null=True, default=None,
        help_text="Participant on the other side; the venue's market maker, where left out.",
    )  # fmt: skip


class ExecutionSerializer(serializers.ModelSerializer[Fill]):
    """An execution as it is recorded: the fill, and the trade that clears and settles."""

    executed_price = serializers.DecimalField(source="price", max_digits=18, decimal_places=6)
    executed_quantity = serializers.IntegerField(source="quantity_units")
    timestamp = serializers.DateTimeField(source="at")
    exchange_id = serializers.CharField(source="venue.mic")
    execution_fees = serializers.SerializerMethodField(help_text="In the order's currency.")
    order_id = serializers.UUIDField(source="order.public_id")
    order_status = serializers.ChoiceField(
        source="order.status", choices=[(state.value, state.title()) for state in OrderStatus]
    )
    outcome = serializers.SerializerMethodField()
    links = serializers.SerializerMethodField()

    class Meta:
        model = Fill
        fields = (
            "execution_id", "executed_price", "executed_quantity", "timestamp", "exchange_id", "execution_fees",
            "order_id", "order_status", "outcome", "links",
        )  # fmt: skip

    @extend_schema_field(serializers.DecimalField(max_digits=19, decimal_places=4))
    def get_execution_fees(self, fill: Fill) -> str:
        """Return the fee in units of the order's currency."""
        digits = fill.order.currency.digits
        return f"{Decimal(fill.fee_minor).scaleb(-digits):.{digits}f}"

    @extend_schema_field(serializers.ChoiceField(choices=["ACCEPTED", "REPEATED"]))
    def get_outcome(self, _: Fill) -> str:
        """Return whether it is new."""
        return str(self.context["outcome"])

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_links(self, fill: Fill) -> dict[str, str]:
        """Return where to go from an execution."""
        return {
            "order": f"/api/v1/orders/{fill.order.public_id}",
            "trade": f"/api/v1/trades/{fill.trade.public_id}",
        }
