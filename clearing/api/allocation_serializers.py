"""Shapes of allocations in the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from clearing.queries.block_view import average_of
from reference.api.fields import CurrencyCode, Isin, ParticipantCode, decimal_text
from reference.queries import directory
from trades.core.book.terms import OrderSide
from trades.models import Allocation, AllocationMethod

TOLD_FIELDS = {
    AllocationMethod.QUANTITY: "quantity", AllocationMethod.PERCENTAGE: "percentage",
    AllocationMethod.PRO_RATA: "weight",
}  # fmt: skip


class AllocationLineEntrySerializer(serializers.Serializer[Any]):
    """One account of an allocation, with the one figure that its method takes."""

    account = serializers.CharField(max_length=40, help_text="Code or name of a securities account of the party.")
    quantity = serializers.IntegerField(required=False, help_text="Units, for QUANTITY.")
    percentage = serializers.DecimalField(24, 6, required=False, help_text="For PERCENTAGE; all of them make 100.")
    weight = serializers.DecimalField(24, 6, required=False, help_text="For PRO_RATA: any unit.")


class SharingSerializer(serializers.Serializer[Any]):
    """How a block is to be shared."""

    method = serializers.ChoiceField(choices=AllocationMethod.choices)
    lines = serializers.ListField(child=AllocationLineEntrySerializer(), max_length=500)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the method and what is told, by account. Each line has the method's figure and no other."""
        wanted = TOLD_FIELDS[attrs["method"]]
        told: dict[str, Decimal] = {}
        for place, line in enumerate(attrs["lines"]):
            given = [name for name in TOLD_FIELDS.values() if name in line]
            if given != [wanted]:
                raise serializers.ValidationError(
                    {"lines": {str(place): f"A line has a {wanted} here, and nothing else."}}
                )
            if line["account"] in told:
                raise serializers.ValidationError({"lines": {str(place): "The account is named twice."}})
            told[line["account"]] = Decimal(line[wanted])
        return {**attrs, "told": told}


class AllocationEntrySerializer(SharingSerializer):
    """A block, and how it is to be shared."""

    trade = serializers.UUIDField(required=False, help_text="The report or locked-in trade; or:")
    order = serializers.UUIDField(required=False, help_text="An order with all its fills of one trade date.")
    side = serializers.ChoiceField(
        choices=[(side.value, side.title()) for side in OrderSide], required=False, default="",
        help_text="Of a trade locked in for both sides; a participant's own where left out.",
    )  # fmt: skip
    trade_date = serializers.DateField(required=False, help_text="Of an order; its last fill's, where left out.")


class AllocationShareSerializer(serializers.Serializer[Any]):
    """What one account was told, and what it got."""

    account = serializers.CharField()
    told = serializers.CharField(help_text="Units, percent or weight, by the method.")
    quantity = serializers.IntegerField(allow_null=True, help_text="Null until it is applied, or where nothing.")
    amount = serializers.CharField(allow_null=True)
    fee = serializers.CharField(allow_null=True)


class AllocationSerializer(serializers.ModelSerializer[Allocation]):
    """One version of how a block is shared. The block's figures are null until it is applied."""

    id = serializers.UUIDField(source="public_id")
    participant: Any = ParticipantCode(source="participant_id")
    account = serializers.CharField(source="account.code", help_text="Where the block stands.")
    trade = serializers.UUIDField(source="trade.public_id", allow_null=True, default=None)
    order = serializers.UUIDField(source="order.public_id", allow_null=True, default=None)
    security: Any = Isin(source="security_id")
    currency: Any = CurrencyCode(source="currency_id")
    quantity = serializers.IntegerField(source="quantity_units", allow_null=True)
    amount = serializers.SerializerMethodField()
    fee = serializers.SerializerMethodField()
    average_price = serializers.SerializerMethodField()
    replaces = serializers.UUIDField(source="replaces.public_id", allow_null=True, default=None)
    accounts = serializers.SerializerMethodField()

    class Meta:
        """The block, where it stands, and its accounts."""

        model = Allocation
        fields = [
            "id", "status", "participant", "account", "trade", "order", "trade_date", "side", "security", "currency",
            "method", "quantity", "amount", "fee", "average_price", "settlement_date", "instructed_by",
            "instructed_at", "applied_at", "ended_at", "note", "replaces", "accounts",
        ]  # fmt: skip

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_amount(self, row: Allocation) -> str | None:
        """Return the block's amount."""
        return self._amount(row, row.amount_minor)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_fee(self, row: Allocation) -> str | None:
        """Return the block's fees."""
        return self._amount(row, row.fee_minor)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_average_price(self, row: Allocation) -> str | None:
        """Return the price of one unit on average."""
        found = average_of(row=row)
        return None if found is None else f"{found.normalize():f}"

    @extend_schema_field(AllocationShareSerializer(many=True))
    def get_accounts(self, row: Allocation) -> list[dict[str, Any]]:
        """Return each account, with what it was told and what it got."""
        shares = {share.account_id: share for share in row.shares.all()}
        answers = []
        for line in row.lines.all():
            share = shares.get(line.account_id)
            answers.append(
                {
                    "account": line.account.code,
                    "told": f"{line.told.normalize():f}",
                    "quantity": share.quantity_units if share else None,
                    "amount": self._amount(row, share.amount_minor if share else None),
                    "fee": self._amount(row, share.fee_minor if share else None),
                }
            )
        return answers

    def _amount(self, row: Allocation, minor: int | None) -> str | None:
        digits = directory().currencies[row.currency_id].digits
        return None if minor is None else decimal_text(minor=minor, digits=digits)


class AllocationCancellationSerializer(serializers.Serializer[Any]):
    """Why an allocation is taken back."""

    reason = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
