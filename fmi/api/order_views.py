"""One order with its whole life, from its receipt to the postings of its fills; and orders at their older address."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.serializers import ObligationSerializer
from fmi.api.serializers import LifeStepSerializer
from fmi.order_life import read_order_life
from reference.api.base import ActorView
from reference.api.deprecation import Deprecated
from reference.api.fields import Price, decimal_text
from reference.api.problems import problems
from reference.core.scopes import Scope
from reference.queries import directory
from settlement.api.serializers import InstructionSerializer
from settlement.api.views.instruction_actions import seen_by
from trades.api.order_serializers import ORDER_STATUS_CHOICES, OrderSerializer
from trades.api.serializers import STATUS_CHOICES
from trades.api.views.orders import OrderList
from trades.core.slice_lifecycle import SliceStatus
from trades.models import Fill, Order, OrderSlice, OrderStep
from trades.queries.orders import get_order

SLICE_STATUS_CHOICES = [(state.value, state.title()) for state in SliceStatus]


class OrderStepSerializer(serializers.ModelSerializer[OrderStep]):
    """A status the order came to, or what changed while it stood there."""

    status = serializers.ChoiceField(choices=ORDER_STATUS_CHOICES)

    class Meta:
        """What, when, why, by whom."""

        model = OrderStep
        fields = ["status", "at", "note", "actor", "recorded_at"]


class OrderSliceSerializer(serializers.ModelSerializer[OrderSlice]):
    """A part of the order at one venue."""

    venue = serializers.CharField(source="venue.mic", help_text="MIC.")
    status = serializers.ChoiceField(choices=SLICE_STATUS_CHOICES)
    quantity = serializers.IntegerField(source="quantity_units")
    filled_quantity = serializers.IntegerField(source="filled_units")
    quoted_price: Any = Price(allow_null=True, help_text="The venue's best opposite price when it was chosen.")

    class Meta:
        """Where, how much, how it fared."""

        model = OrderSlice
        fields = [
            "venue", "status", "quantity", "filled_quantity", "quoted_price", "attempts", "latency_ms", "note",
            "created_at",
        ]  # fmt: skip


class OrderExecutionSerializer(serializers.ModelSerializer[Fill]):
    """A fill, and the trade it became."""

    id = serializers.UUIDField(source="public_id")
    venue = serializers.CharField(source="venue.mic", help_text="MIC.")
    quantity = serializers.IntegerField(source="quantity_units")
    price: Any = Price()
    amount = serializers.SerializerMethodField(help_text="Decimal string, without the fee.")
    fee = serializers.SerializerMethodField(help_text="Decimal string; below zero a rebate.")
    trade = serializers.UUIDField(source="trade.public_id", help_text="The trade that clears and settles it.")
    trade_status = serializers.ChoiceField(choices=STATUS_CHOICES, source="trade.status")
    settlement_date = serializers.DateField(source="trade.settlement_date")

    class Meta:
        """What was executed where and when, at which cost, and where its trade stands."""

        model = Fill
        fields = [
            "id", "execution_id", "venue", "quantity", "price", "amount", "fee", "maker", "at", "trade",
            "trade_status", "settlement_date",
        ]  # fmt: skip

    @extend_schema_field({"type": "string", "format": "decimal"})
    def get_amount(self, fill: Fill) -> str:
        """Return quantity times price."""
        return decimal_text(minor=fill.amount_minor, digits=_digits(fill))

    @extend_schema_field({"type": "string", "format": "decimal"})
    def get_fee(self, fill: Fill) -> str:
        """Return the venue's fee."""
        return decimal_text(minor=fill.fee_minor, digits=_digits(fill))


def _digits(fill: Fill) -> int:
    """Return the decimal digits of a fill's currency."""
    return directory().currencies[fill.trade.currency_id].digits


class OrderLifeSerializer(OrderSerializer):
    """An order, its status history, its executions, how they clear and settle, and every step on the way."""

    status_history = OrderStepSerializer(many=True)
    slices = OrderSliceSerializer(many=True)
    executions = OrderExecutionSerializer(many=True)
    obligations = ObligationSerializer(many=True)
    instructions = InstructionSerializer(many=True)
    life = LifeStepSerializer(many=True)

    class Meta(OrderSerializer.Meta):
        """The order's fields, and its life."""

        fields = [
            *OrderSerializer.Meta.fields, "status_history", "slices", "executions", "obligations", "instructions",
            "life",
        ]  # fmt: skip


class OrderDetail(ActorView[Order]):
    """One order."""

    queryset = Order.objects.all()
    serializer_class = OrderLifeSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.ORDERS_READ

    @extend_schema(
        operation_id="orders_retrieve",
        summary="Read one order with its whole life",
        responses={200: OrderLifeSerializer, **problems(404)},
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read an order: its status history, where its parts went, its executions, and how those clear and settle.

        `life` tells every step in order, from the receipt to the postings. A participant sees the orders of its own
        clients, and of what they became its own side.
        """
        actor = self.actor
        life = read_order_life(order=get_order(actor=actor, public_id=public_id), actor=actor)
        steps = life.order.steps.order_by("id")
        return Response(
            OrderSerializer(life.order).data
            | {
                "status_history": OrderStepSerializer(steps, many=True).data,
                "slices": OrderSliceSerializer(life.slices, many=True).data,
                "executions": OrderExecutionSerializer(life.fills, many=True).data,
                "obligations": ObligationSerializer(life.obligations, many=True).data,
                "instructions": InstructionSerializer(life.instructions, many=True, context=seen_by(actor=actor)).data,
                "life": LifeStepSerializer(life.steps, many=True).data,
            }
        )


class _OlderAddress(Deprecated):
    """An older address of orders."""

    renderer_classes = [JSONRenderer]
    deprecated_since = datetime(2026, 11, 21, tzinfo=UTC)
    sunset_at = datetime(2027, 11, 21, tzinfo=UTC)


@extend_schema_view(
    get=extend_schema(operation_id="older_orders_list", summary="List orders, at the older address"),
    post=extend_schema(operation_id="older_orders_place", summary="Place an order, at the older address"),
)
class OlderOrderList(_OlderAddress, OrderList):
    """/order/: list and place."""

    successor = "api-orders"


@extend_schema_view(
    get=extend_schema(operation_id="older_orders_retrieve", summary="Read one order, at the older address")
)
class OlderOrderDetail(_OlderAddress, OrderDetail):
    """/order/{id}: one order."""

    successor = "api-order"
