"""Shapes of orders in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reference.api.fields import Amount, CurrencyCode, Isin, ParticipantCode, Price, decimal_text
from reference.api.problems import ProblemSerializer
from reference.core.limits import LARGEST_AMOUNT
from reference.queries import directory
from trades.api.order_capture import links_of_order
from trades.api.serializers import LineErrorSerializer
from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.order_lifecycle import OPEN_STATUSES, OrderStatus
from trades.core.order_ticket import OrderType
from trades.models import Order

ORDER_STATUS_CHOICES = [(state.value, state.replace("_", " ").capitalize()) for state in OrderStatus]
SIDE_CHOICES = [(side.value, side.title()) for side in OrderSide]
TYPE_CHOICES = [(kind.value, kind.title()) for kind in OrderType]
FORCE_CHOICES = [(force.value, force.value) for force in TimeInForce]


class OrderTicketSerializer(serializers.Serializer[Any]):
    """One order. Reading it is msgspec's work (trades.core.order_parsing); this is its description."""

    client_order_id = serializers.CharField(max_length=36, help_text="The client's own reference; once per client.")
    client = serializers.CharField(max_length=20, help_text="Client code.")
    security = serializers.CharField(max_length=24, help_text="ISIN or symbol.")
    side = serializers.ChoiceField(choices=SIDE_CHOICES)
    quantity = serializers.IntegerField(min_value=1, max_value=LARGEST_AMOUNT, help_text="Units.")
    order_type = serializers.ChoiceField(choices=TYPE_CHOICES)
    limit_price = serializers.DecimalField(
        max_digits=18, decimal_places=6, required=False, help_text="Of a limit order, and only of one."
    )
    time_in_force = serializers.ChoiceField(
        choices=FORCE_CHOICES,
        required=False,
        initial=TimeInForce.DAY.value,
        help_text="DAY where left out. A market order never rests, whichever it has.",
    )
    expires_on = serializers.DateField(required=False, help_text="Last business day of a GTC order.")
    trader = serializers.CharField(
        max_length=20, required=False, help_text="Trader code; the login's own trader where left out."
    )


class OrderLinksSerializer(serializers.Serializer[Any]):
    """Where to go from an order."""

    self = serializers.CharField()
    cancel = serializers.CharField(required=False)
    replace = serializers.CharField(required=False)


class PlacedOrderSerializer(serializers.Serializer[Any]):
    """What became of an order that stands."""

    id = serializers.UUIDField()
    client_order_id = serializers.CharField()
    status = serializers.ChoiceField(choices=ORDER_STATUS_CHOICES)
    outcome = serializers.ChoiceField(choices=["ACCEPTED", "REPEATED"])
    warnings = serializers.ListField(child=serializers.CharField())
    links = OrderLinksSerializer()


class RejectedOrderSerializer(ProblemSerializer):
    """Why an order was not taken. Of one that stands as REJECTED also where it is; of one refused, nothing stands."""

    id = serializers.UUIDField(required=False)
    client_order_id = serializers.CharField(required=False)
    order_status = serializers.ChoiceField(choices=["REJECTED"], required=False)
    outcome = serializers.ChoiceField(choices=["REJECTED", "REPEATED"], required=False)
    links = OrderLinksSerializer(required=False)


class OrderLineSerializer(serializers.Serializer[Any]):
    """What became of one order of a list."""

    line = serializers.IntegerField(help_text="Its place in the list, from 1.")
    outcome = serializers.ChoiceField(choices=["ACCEPTED", "REPEATED", "REJECTED", "REFUSED"])
    id = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(choices=ORDER_STATUS_CHOICES, required=False)
    warnings = serializers.ListField(child=serializers.CharField(), required=False)
    errors: Any = LineErrorSerializer(many=True, required=False)


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order, and where it stands."""

    id = serializers.UUIDField(source="public_id")
    client = serializers.CharField(source="client.code")
    broker: Any = ParticipantCode(source="broker_id")
    trader = serializers.CharField(source="trader.code", allow_null=True, default=None)
    account = serializers.CharField(source="account.code")
    security: Any = Isin(source="security_id")
    symbol = serializers.SerializerMethodField()
    currency: Any = CurrencyCode(source="currency_id")
    side = serializers.ChoiceField(choices=SIDE_CHOICES)
    order_type = serializers.ChoiceField(choices=TYPE_CHOICES)
    time_in_force = serializers.ChoiceField(choices=FORCE_CHOICES)
    quantity = serializers.IntegerField(source="quantity_units")
    filled_quantity = serializers.IntegerField(source="filled_units")
    limit_price: Any = Price(allow_null=True)
    protection_price: Any = Price(allow_null=True, help_text="The worst price at which a market order may trade.")
    arrival_mid: Any = Price(allow_null=True, help_text="Middle of the quote when it came.")
    average_price = serializers.SerializerMethodField()
    filled_amount: Any = Amount(minor="filled_minor")
    fees: Any = Amount(minor="fees_minor")
    reserved = serializers.SerializerMethodField(help_text="Of the client's credit, in the client's currency.")
    status = serializers.ChoiceField(choices=ORDER_STATUS_CHOICES)
    links = serializers.SerializerMethodField()

    class Meta:
        """The ordered terms, what is filled, the state and the times."""

        model = Order
        fields = [
            "id", "client_order_id", "status", "client", "broker", "trader", "account", "security", "symbol", "side",
            "quantity", "filled_quantity", "order_type", "limit_price", "protection_price", "time_in_force",
            "expires_on", "currency", "arrival_mid", "average_price", "filled_amount", "fees", "reserved",
            "refusal_code", "refusal", "business_date", "received_at", "recorded_at", "entered_by", "links",
        ]  # fmt: skip

    def get_symbol(self, order: Order) -> str:
        """Return the security's symbol."""
        return directory().securities[order.security_id].symbol

    @extend_schema_field({"type": "string", "format": "decimal", "nullable": True})
    def get_average_price(self, order: Order) -> str | None:
        """Return what a unit cost on average, without fees; null while nothing is filled."""
        if not order.filled_units:
            return None
        security = directory().securities[order.security_id]
        whole = order.filled_minor / (order.filled_units * security.amount_per_price())
        return f"{round(whole.scaleb(-security.currency.digits), 6).normalize():f}"

    @extend_schema_field({"type": "string", "format": "decimal", "example": "1234567.89"})
    def get_reserved(self, order: Order) -> str:
        """Return what the order holds of the client's credit."""
        digits = directory().currencies[order.client.default_currency_id].digits
        return decimal_text(minor=order.reserved_minor, digits=digits)

    @extend_schema_field(OrderLinksSerializer)
    def get_links(self, order: Order) -> dict[str, str]:
        """Return where to go from the order; only an open one can be cancelled or replaced."""
        links = links_of_order(public_id=order.public_id)
        return links if order.status in OPEN_STATUSES else {"self": links["self"]}


class CancelOrderSerializer(serializers.Serializer[Any]):
    """The wish to cancel what is left of an order."""

    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class ReplaceOrderSerializer(serializers.Serializer[Any]):
    """What is to change of an order: its whole new quantity with what is filled, its limit, or both."""

    quantity = serializers.IntegerField(min_value=1, max_value=LARGEST_AMOUNT, required=False)
    limit_price = serializers.DecimalField(max_digits=18, decimal_places=6, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a replacement that changes nothing."""
        if not attrs:
            raise serializers.ValidationError("Name a quantity, a limit_price, or both.")
        return attrs
