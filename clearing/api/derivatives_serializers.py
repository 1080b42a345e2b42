"""Shapes of derivatives accounts in the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from clearing.models import DerivativeTrade

SIDES = [("BUY", "Buy"), ("SELL", "Sell")]
CLIENT_ID = r"^[A-Za-z0-9._:-]{1,64}$"


class Number(serializers.DecimalField):
    """A decimal, as a string or a JSON number; what it may be is said by the contract."""

    def __init__(self, **extra: Any) -> None:
        super().__init__(max_digits=None, decimal_places=None, **extra)

    def to_internal_value(self, data: Any) -> Decimal:
        """Read the number. Refuses what is none: NaN, infinity, a text too long to be one."""
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class TradeOrderSerializer(serializers.Serializer[Any]):
    """A trade that is asked for."""

    account_id = serializers.IntegerField(min_value=1, max_value=2**53)
    symbol = serializers.CharField(max_length=24)
    side = serializers.ChoiceField(choices=SIDES)
    quantity = Number(help_text="Decimal, in the contract's steps.")
    price = Number(help_text="Decimal, in the contract's ticks, within its band around the mark price.")
    counterparty_id = serializers.IntegerField(
        min_value=1, max_value=2**53, required=False, allow_null=True,
        help_text="The account that takes the other side; left out, the contract's market maker at the mark price.",
    )  # fmt: skip
    client_trade_id = serializers.RegexField(
        CLIENT_ID, required=False, help_text="Your own id of the trade: sent again, it trades once."
    )


class TradeMadeSerializer(serializers.ModelSerializer[DerivativeTrade]):
    """A trade as it stands in the history."""

    symbol = serializers.CharField(source="contract.symbol")
    quantity = serializers.SerializerMethodField(help_text="Decimal string.")
    price = serializers.SerializerMethodField(help_text="Decimal string.")
    value = serializers.SerializerMethodField(
        method_name="write_value", help_text="What the buyer pays the seller; decimal string."
    )
    currency = serializers.CharField(source="contract.currency.code")
    at = serializers.DateTimeField(source="event.at")
    sequence = serializers.IntegerField(source="event_id")
    client_trade_id = serializers.SerializerMethodField(help_text="Shown to the account that gave it.")
    side = serializers.SerializerMethodField(help_text="BUY or SELL, seen from the account that is asked for.")
    account_id = serializers.SerializerMethodField()

    class Meta:
        """Which account did what, at what price."""

        model = DerivativeTrade
        fields = [
            "id", "sequence", "cause", "account_id", "symbol", "side", "quantity", "price", "value", "currency", "at",
            "client_trade_id",
        ]  # fmt: skip

    def _account(self, trade: DerivativeTrade) -> int:
        return int(self.context.get("account_id") or trade.event.account_id or trade.buyer_id)

    def get_account_id(self, trade: DerivativeTrade) -> int:
        """Return the account the trade is looked at from."""
        return self._account(trade)

    def get_side(self, trade: DerivativeTrade) -> str:
        """Return the side of that account."""
        return "BUY" if trade.buyer_id == self._account(trade) else "SELL"

    def get_client_trade_id(self, trade: DerivativeTrade) -> str:
        """Return the asker's own id."""
        return trade.event.client_id if trade.event.account_id == self._account(trade) else ""

    def get_quantity(self, trade: DerivativeTrade) -> str:
        """Return the quantity."""
        return f"{Decimal(trade.quantity_steps).scaleb(-trade.contract.quantity_digits):f}"

    def get_price(self, trade: DerivativeTrade) -> str:
        """Return the price."""
        return f"{Decimal(trade.price_ticks).scaleb(-trade.contract.price_digits):f}"

    def write_value(self, trade: DerivativeTrade) -> str:
        """Return the value."""
        return f"{Decimal(trade.value_minor).scaleb(-trade.contract.currency.digits):f}"


class MarkPriceEntrySerializer(serializers.Serializer[Any]):
    """A mark price to be set."""

    symbol = serializers.CharField(max_length=24)
    price = Number()
    at = serializers.DateTimeField(required=False, help_text="The time the price is of; now, where left out.")
    confirm = serializers.BooleanField(required=False, default=False, help_text="Set it however far it has moved.")


class MarkPriceSerializer(serializers.Serializer[Any]):
    """A mark price that stands."""

    symbol = serializers.CharField()
    price = serializers.CharField(help_text="Decimal string.")
    at = serializers.DateTimeField()


class MarkPriceSetSerializer(serializers.Serializer[Any]):
    """What setting a mark price did."""

    symbol = serializers.CharField()
    price = serializers.CharField(help_text="Decimal string.")
    liquidated = serializers.IntegerField(help_text="Accounts liquidated by it.")


class MoneySerializer(serializers.Serializer[Any]):
    """Money to be brought in or taken out."""

    account_id = serializers.IntegerField(min_value=1, max_value=2**53)
    amount = Number(help_text="Decimal, in the account's currency.")
    client_id = serializers.RegexField(CLIENT_ID, required=False, help_text="Sent again, the money moves once.")


class MoneyMovedSerializer(serializers.Serializer[Any]):
    """Money that moved."""

    sequence = serializers.IntegerField()
    account_id = serializers.IntegerField()
    kind = serializers.CharField()
    amount = serializers.CharField(help_text="Decimal string; below zero: taken out.")
    currency = serializers.CharField()


class AccountEntrySerializer(serializers.Serializer[Any]):
    """An account to be opened."""

    participant = serializers.CharField(max_length=12, help_text="Its code.")
    currency = serializers.CharField(max_length=3)


class AccountOpenedSerializer(serializers.Serializer[Any]):
    """An account that stands."""

    account_id = serializers.IntegerField()
    participant = serializers.CharField()
    currency = serializers.CharField()
    ledger_account = serializers.CharField(help_text="The CCP's account that its money lies on.")


class DerivativePositionSerializer(serializers.Serializer[Any]):
    """One position at its mark price."""

    symbol = serializers.CharField()
    quantity = serializers.CharField(help_text="Decimal string; below zero: short.")
    entry_price = serializers.CharField()
    mark_price = serializers.CharField()
    notional = serializers.CharField()
    profit = serializers.CharField(help_text="Not realised; decimal string.")
    liquidation_price = serializers.CharField(allow_null=True, help_text="Beyond it the account is liquidated.")
    bankruptcy_price = serializers.CharField(allow_null=True)


class MarginAccountSerializer(serializers.Serializer[Any]):
    """One account at the mark prices; amounts are decimal strings."""

    account_id = serializers.IntegerField()
    participant = serializers.CharField()
    currency = serializers.CharField()
    balance = serializers.CharField()
    profit = serializers.CharField()
    equity = serializers.CharField()
    notional = serializers.CharField()
    initial_margin = serializers.CharField()
    maintenance_margin = serializers.CharField()
    free = serializers.CharField()
    margin_ratio_percent = serializers.FloatField(
        allow_null=True, help_text="Equity over maintenance margin; below 100 the account is liquidated."
    )
    utilisation_percent = serializers.FloatField(help_text="Maintenance margin over equity, at most 100.")
    standing = serializers.ChoiceField(choices=["HELD", "SHORT", "BELOW"])


class AccountPositionsSerializer(MarginAccountSerializer):
    """One account with its positions."""

    positions = DerivativePositionSerializer(many=True)


class InsuranceFundSerializer(serializers.Serializer[Any]):
    """The insurance fund of one currency."""

    currency = serializers.CharField()
    balance = serializers.CharField()


class DerivativesMarginReportSerializer(serializers.Serializer[Any]):
    """All accounts, those near liquidation first."""

    live = serializers.BooleanField(help_text="False: the live store did not answer; the history did.")
    accounts = MarginAccountSerializer(many=True)
    insurance_funds = InsuranceFundSerializer(many=True)


class LiquidationSerializer(serializers.Serializer[Any]):
    """One liquidation; amounts are decimal strings."""

    sequence = serializers.IntegerField()
    account_id = serializers.IntegerField()
    participant = serializers.CharField()
    currency = serializers.CharField()
    at = serializers.DateTimeField()
    outcome = serializers.CharField()
    equity = serializers.CharField()
    maintenance_margin = serializers.CharField()
    filled = serializers.CharField()
    fee = serializers.CharField()
    covered = serializers.CharField()
    deleveraged = serializers.CharField()
    spread = serializers.CharField()
    equity_after = serializers.CharField()


class FundingRoundSerializer(serializers.Serializer[Any]):
    """One funding of one perpetual."""

    symbol = serializers.CharField()
    funded_for = serializers.DateTimeField()
    mark_price = serializers.CharField()
    index_price = serializers.CharField()
    rate_percent = serializers.CharField(help_text="Of the notional; positive: longs paid shorts.")


class ContractSerializer(serializers.Serializer[Any]):
    """One contract."""

    symbol = serializers.CharField()
    kind = serializers.CharField()
    status = serializers.CharField()
    underlying = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    expiry_date = serializers.DateField(allow_null=True)
    tick = serializers.CharField()
    step = serializers.CharField()
    initial_margin_percent = serializers.FloatField()
    maintenance_margin_percent = serializers.FloatField()
    position_limit = serializers.CharField()
    mark_price = serializers.CharField(allow_null=True)
