"""Shapes of positions, their limits and alerts in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reference.api.fields import Amount, CurrencyCode, Isin, ParticipantCode, Price, decimal_text
from reference.core.limits import LARGEST_AMOUNT
from trades.models import Position, PositionAlert, PositionLimit
from trades.queries.positions import PositionView


@extend_schema_field({"type": "string", "format": "decimal", "nullable": True})
class ViewAmount(serializers.Field[Any, Any, Any, Any]):
    """An amount of a position in its currency, null where it is not known."""

    def __init__(self, *, minor: str, **extra: Any) -> None:
        self.minor = minor
        super().__init__(source="*", read_only=True, **extra)

    def to_representation(self, value: PositionView) -> str | None:
        """Return the amount."""
        held = getattr(value, self.minor) if hasattr(value, self.minor) else getattr(value.held, self.minor)
        return None if held is None else decimal_text(minor=held, digits=value.currency.digits)


class PositionLotSerializer(serializers.Serializer[Any]):
    """Units and what they cost; below zero: owed, and received for them."""

    quantity = serializers.IntegerField(source="quantity_units")
    cost_minor = serializers.IntegerField()


class TradePositionSerializer(serializers.Serializer[Any]):
    """An account's position in a security, by trade date, with its result. Prices in the security's quotation."""

    participant = serializers.CharField(source="account.participant.code")
    account = serializers.CharField(source="account.code")
    security = serializers.CharField(source="security.isin")
    symbol = serializers.CharField(source="security.symbol")
    currency = serializers.CharField(source="currency.code")
    method = serializers.CharField(source="held.method", help_text="AVERAGE or FIFO.")
    quantity = serializers.IntegerField(source="quantity_units", help_text="Below zero: short.")
    cost = ViewAmount(minor="cost_minor")
    average = serializers.DecimalField(24, 4, allow_null=True, help_text="Cost of a unit.")
    mark = serializers.DecimalField(18, 6, allow_null=True, help_text="The last quote; without one, the last close.")
    mark_source = serializers.CharField(help_text="quote or close.")
    value = ViewAmount(minor="value_minor")
    unrealised = ViewAmount(minor="unrealised_minor")
    realised_today = ViewAmount(minor="realised_day_minor", help_text="On the day, without fees.")
    realised = ViewAmount(minor="realised_minor", help_text="Since the first day, without fees.")
    fees = ViewAmount(minor="fees_minor", help_text="Since the first day.")
    total = ViewAmount(minor="total_minor", help_text="Realised and unrealised, less fees.")
    result_today = ViewAmount(minor="day_minor", help_text="By how much the total has moved since the close before.")
    lots = PositionLotSerializer(source="held.open_lots", many=True)


class TradePositionsSerializer(serializers.Serializer[Any]):
    """Positions as they are now, or as they closed."""

    business_date = serializers.DateField()
    is_live = serializers.BooleanField(help_text="False: as they stood at the close.")
    results = TradePositionSerializer(many=True)


class ClosedPositionSerializer(serializers.ModelSerializer[Position]):
    """A position at the close of a day."""

    business_date = serializers.DateField(source="run.business_date")
    account = serializers.CharField(source="account.code")
    security: Any = Isin(source="security_id")
    currency: Any = CurrencyCode(source="currency_id")
    quantity = serializers.IntegerField(source="quantity_units")
    cost: Any = Amount(minor="cost_minor")
    realised_on_day: Any = Amount(minor="realised_day_minor")
    realised: Any = Amount(minor="realised_minor")
    fees: Any = Amount(minor="fees_minor")
    unrealised = serializers.SerializerMethodField()
    price: Any = Price(allow_null=True)

    class Meta:
        """What was held, what it was worth, and its result."""

        model = Position
        fields = [
            "business_date", "account", "security", "currency", "method", "quantity", "cost", "price", "unrealised",
            "realised_on_day", "realised", "fees",
        ]  # fmt: skip

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_unrealised(self, row: Position) -> str | None:
        """Return the unrealised result at the close; null without a price."""
        if row.unrealised_minor is None:
            return None
        return decimal_text(minor=row.unrealised_minor, digits=row.currency.digits)


class PositionLimitSerializer(serializers.ModelSerializer[PositionLimit]):
    """A position limit. What is null holds for all."""

    participant = serializers.CharField(source="participant.code", allow_null=True, default=None)
    account = serializers.CharField(source="account.code", allow_null=True, default=None)
    security = serializers.CharField(source="security.code", allow_null=True, default=None)
    units = serializers.IntegerField(source="largest_units", allow_null=True)

    class Meta:
        """Whose it is, in what, and how much."""

        model = PositionLimit
        fields = ["id", "participant", "account", "security", "units", "volume_percent", "active", "set_by", "set_at"]


class PositionLimitEntrySerializer(serializers.Serializer[Any]):
    """A limit to set; the one before for the same holder and security retires."""

    participant = serializers.CharField(max_length=12, required=False, help_text="Code; everybody where left out.")
    account = serializers.CharField(max_length=40, required=False, help_text="Code of one securities account.")
    security = serializers.CharField(max_length=24, required=False, help_text="ISIN; each where left out.")
    units = serializers.IntegerField(min_value=0, max_value=LARGEST_AMOUNT, required=False)
    volume_percent = serializers.DecimalField(
        9, 2, min_value=0, required=False, help_text="Of the average volume of the last 20 trading days."
    )


class PositionAlertSerializer(serializers.ModelSerializer[PositionAlert]):
    """A position above its limit, once a day."""

    limit = serializers.IntegerField(source="limit_id")
    participant: Any = ParticipantCode(source="participant_id")
    account = serializers.CharField(source="account.code", allow_null=True, default=None)
    security: Any = Isin(source="security_id")
    quantity = serializers.IntegerField(source="quantity_units")

    class Meta:
        """What was above what, when, and who has seen it."""

        model = PositionAlert
        fields = [
            "id", "limit", "participant", "account", "security", "business_date", "at", "quantity", "limit_units",
            "acknowledged_at", "acknowledged_by",
        ]  # fmt: skip
