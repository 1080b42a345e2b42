"""Shapes of accounts, positions and statements in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ledger.models import Account, Posting
from reference.api.fields import ParticipantCode, decimal_text
from reference.models import AssetKind

AMOUNT_OR_QUANTITY = {
    "oneOf": [{"type": "string", "format": "decimal"}, {"type": "integer", "format": "int64"}],
    "description": "A decimal string for cash, an integer for securities.",
}


def amount_or_quantity(*, amount: int, kind: str, digits: int) -> str | int:
    """Write cash as a decimal string and securities as an integer."""
    return decimal_text(minor=amount, digits=digits) if kind == AssetKind.CASH else amount


class AccountSerializer(serializers.ModelSerializer[Account]):
    """An account."""

    participant: Any = ParticipantCode(source="participant_id")
    linked_cash = serializers.CharField(
        source="linked_cash.code",
        default=None,
        allow_null=True,
        help_text="The cash account that pays for it.",
    )

    class Meta:
        """The account and its owner."""

        model = Account
        fields = ["id", "code", "participant", "kind", "name", "linked_cash"]


class CashPositionSerializer(serializers.Serializer[Any]):
    """Cash on an account."""

    account = serializers.CharField()
    currency = serializers.CharField()
    amount = serializers.CharField(help_text="Decimal string.")


class SecuritiesPositionSerializer(serializers.Serializer[Any]):
    """Securities on an account."""

    account = serializers.CharField()
    isin = serializers.CharField()
    quantity = serializers.IntegerField()


class PositionsSerializer(serializers.Serializer[Any]):
    """What a participant holds, account by account."""

    participant = serializers.CharField()
    as_of = serializers.DateField(allow_null=True, help_text="Null: now.")
    cash = CashPositionSerializer(many=True)
    securities = SecuritiesPositionSerializer(many=True)


class StatementLineSerializer(serializers.ModelSerializer[Posting]):
    """One posting, and the balance after it."""

    asset = serializers.CharField(source="asset.code")
    amount = serializers.SerializerMethodField()
    balance = serializers.SerializerMethodField()
    at = serializers.DateTimeField(source="entry.at")
    source: Any = serializers.CharField(source="entry.source")
    source_id = serializers.IntegerField(source="entry.source_id")

    class Meta:
        """What moved, why and what was left."""

        model = Posting
        fields = ["id", "business_date", "at", "source", "source_id", "asset", "amount", "balance"]

    @extend_schema_field(AMOUNT_OR_QUANTITY)
    def get_amount(self, posting: Posting) -> str | int:
        """Return what moved; positive is received."""
        return amount_or_quantity(amount=posting.amount, kind=posting.asset.kind, digits=posting.asset.digits)

    @extend_schema_field(AMOUNT_OR_QUANTITY)
    def get_balance(self, posting: Posting) -> str | int:
        """Return the asset's balance on the account after the posting."""
        running: int = self.context["running"].get(posting.pk, 0)
        return amount_or_quantity(amount=running, kind=posting.asset.kind, digits=posting.asset.digits)


@extend_schema_field(AMOUNT_OR_QUANTITY)
class AmountOrQuantity(serializers.Field[Any, Any, Any, Any]):
    """Cash as a decimal string, securities as an integer: written as such already."""

    def to_representation(self, value: str | int) -> str | int:
        """Return it as it is."""
        return value


class TrialBalanceLineSerializer(serializers.Serializer[Any]):
    """One asset: what is held is what was issued, or the books are wrong."""

    asset = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=AssetKind.values)
    held: Any = AmountOrQuantity()
    issued: Any = AmountOrQuantity()
    balanced = serializers.BooleanField()
    accounts = serializers.IntegerField(help_text="How many accounts hold or owe some.")


class TrialBalanceSerializer(serializers.Serializer[Any]):
    """The trial balance."""

    as_of = serializers.DateField(allow_null=True, help_text="Null: now.")
    assets = TrialBalanceLineSerializer(many=True)
