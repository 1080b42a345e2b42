"""Shapes of collateral, its movements, margin calls and the margin statement."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from clearing.models import CallPayment, CollateralMovement, MarginCall
from reference.api.fields import Amount, CurrencyCode, Isin, ParticipantCode, Price, decimal_text
from reference.core.limits import LARGEST_AMOUNT
from reference.queries import directory


class AssetEntrySerializer(serializers.Serializer[Any]):
    """An amount of cash of the segment, or a quantity of a security."""

    amount = serializers.DecimalField(
        max_digits=19, decimal_places=4, min_value=Decimal(0), required=False, help_text="Cash; not with a security."
    )
    security = serializers.CharField(max_length=24, required=False, help_text="ISIN or symbol, with a quantity.")
    quantity = serializers.IntegerField(min_value=0, max_value=LARGEST_AMOUNT, required=False)


class SegmentEntrySerializer(serializers.Serializer[Any]):
    """Whose collateral, in which currency."""

    member = serializers.CharField(
        max_length=12, required=False, help_text="For operators: whose. A participant's is its own."
    )
    currency = serializers.CharField(min_length=3, max_length=3, help_text="The segment.")


class CollateralEntrySerializer(SegmentEntrySerializer, AssetEntrySerializer):
    """What is to be deposited or withdrawn."""


class SubstitutionEntrySerializer(CollateralEntrySerializer):
    """What is to be taken out, and what is put in for it."""

    into = AssetEntrySerializer(
        many=True, required=False, help_text="Left out: chosen from the house account, worth most first, then cash."
    )


class CollateralMovementSerializer(serializers.ModelSerializer[CollateralMovement]):
    """What went into a member's collateral or out of it."""

    member: Any = ParticipantCode(source="member_id")
    currency: Any = CurrencyCode(source="currency_id", help_text="The segment.")
    asset = serializers.CharField(source="asset.code", help_text="The currency, or an ISIN.")
    amount = serializers.SerializerMethodField(help_text="Cash as a decimal string; below zero, taken out.")
    quantity = serializers.SerializerMethodField(help_text="Units of a security; below zero, taken out.")
    replaces = serializers.IntegerField(source="replaces_id", allow_null=True)

    class Meta:
        """Who moved what, why and when."""

        model = CollateralMovement
        fields = ["id", "member", "currency", "asset", "amount", "quantity", "kind", "replaces", "ordered_by",
                  "business_date", "at"]  # fmt: skip

    def get_amount(self, row: CollateralMovement) -> str | None:
        """Write cash; nothing for a security."""
        digits = directory().currencies[row.currency_id].digits
        return decimal_text(minor=row.amount, digits=digits) if row.asset_id == row.currency_id else None

    def get_quantity(self, row: CollateralMovement) -> int | None:
        """Write units; nothing for cash."""
        return None if row.asset_id == row.currency_id else row.amount


class HoldingSerializer(serializers.Serializer[Any]):
    """One security in a member's collateral."""

    security: Any = Isin(source="security_id")
    issuer = serializers.CharField()
    quantity = serializers.IntegerField(source="units")
    price: Any = Price(allow_null=True, help_text="The last close; null where it is not eligible any more.")
    haircut_percent = serializers.DecimalField(max_digits=6, decimal_places=3, allow_null=True)
    value = serializers.SerializerMethodField(help_text="After the haircut, before the issuer limit; decimal string.")

    def get_value(self, row: Any) -> str:
        """Write the value in the security's currency."""
        return decimal_text(minor=row.value_minor, digits=directory().securities[row.security_id].currency.digits)


class CollateralSegmentSerializer(serializers.Serializer[Any]):
    """One member's collateral in one segment, against what is required."""

    member = serializers.CharField(source="member.code")
    currency = serializers.CharField(source="currency.code")
    status = serializers.CharField(help_text="Of the membership.")
    cash = serializers.SerializerMethodField()
    securities = serializers.SerializerMethodField(help_text="What counts of them.")
    not_counted = serializers.SerializerMethodField(help_text="What the issuer limit keeps from counting.")
    value: Any = Amount(minor="value_minor")
    margin_required: Any = Amount(minor="margin_minor", help_text="By the last margin run.")
    balance: Any = Amount(minor="balance_minor", help_text="Value less margin; below zero, a shortfall.")
    called: Any = Amount(minor="called_minor", help_text="Called and open, of any kind.")
    overdue: Any = Amount(minor="overdue_minor")
    free_cash: Any = Amount(minor="free_cash_minor", help_text="What may be withdrawn in cash.")
    default_fund: Any = Amount(minor="fund_minor", help_text="Contributed.")
    holdings = HoldingSerializer(many=True, source="pool.holdings")

    def _text(self, row: Any, minor: int) -> str:
        return decimal_text(minor=minor, digits=row.currency.digits)

    def get_cash(self, row: Any) -> str:
        """Write the cash."""
        return self._text(row, row.pool.cash_minor)

    def get_securities(self, row: Any) -> str:
        """Write what counts of the securities."""
        return self._text(row, row.pool.securities_minor)

    def get_not_counted(self, row: Any) -> str:
        """Write what does not count."""
        return self._text(row, row.pool.not_counted_minor)


class CollateralReportSerializer(serializers.Serializer[Any]):
    """Collateral of every segment that the reader may see."""

    business_date = serializers.DateField()
    margin_run = serializers.IntegerField(allow_null=True, help_text="The run that says what is required.")
    issuer_limit_percent = serializers.FloatField()
    segments = CollateralSegmentSerializer(many=True)


class CallPaymentSerializer(serializers.ModelSerializer[CallPayment]):
    """One payment of a call."""

    amount = serializers.SerializerMethodField(help_text="Decimal string.")

    class Meta:
        """How much, when."""

        model = CallPayment
        fields = ["id", "amount", "business_date", "at"]

    def get_amount(self, row: CallPayment) -> str:
        """Write the amount in the call's currency."""
        return decimal_text(minor=row.amount_minor, digits=directory().currencies[row.call.currency_id].digits)


class MarginCallSerializer(serializers.ModelSerializer[MarginCall]):
    """What a member is called for, and what of it is paid."""

    member: Any = ParticipantCode(source="member_id")
    currency: Any = CurrencyCode(source="currency_id")
    amount: Any = Amount(minor="amount_minor")
    paid: Any = Amount(minor="paid_minor")
    open: Any = Amount(minor="open_minor", help_text="Still to be paid.")
    margin_run = serializers.IntegerField(source="run_id", allow_null=True)
    payments = CallPaymentSerializer(many=True)

    class Meta:
        """Who, for what, until when, and where it stands."""

        model = MarginCall
        fields = [
            "id", "member", "currency", "kind", "amount", "paid", "open", "status", "business_date", "called_at",
            "deadline", "overdue_at", "paid_at", "withdrawn_at", "margin_run", "payments",
        ]  # fmt: skip


class CallWithdrawalSerializer(serializers.Serializer[Any]):
    """Why a call is withdrawn."""

    why = serializers.CharField(max_length=200)


class MarginStatementLineSerializer(serializers.Serializer[Any]):
    """One line of a margin statement."""

    section = serializers.CharField()
    currency = serializers.CharField()
    item = serializers.CharField(help_text="An account, an ISIN, a currency or a call.")
    quantity = serializers.IntegerField(allow_null=True)
    amount: Any = Amount(minor="amount_minor")


class MarginStatementSegmentSerializer(serializers.Serializer[Any]):
    """One currency of a margin statement."""

    currency = serializers.CharField(source="currency.code")
    margin_required = serializers.SerializerMethodField()
    collateral = serializers.SerializerMethodField()
    balance = serializers.SerializerMethodField(help_text="Collateral less margin; below zero, a shortfall.")
    variation = serializers.SerializerMethodField(help_text="Received; below zero, paid.")

    def get_margin_required(self, row: Any) -> str:
        """Write the margin."""
        return decimal_text(minor=row.requirement_minor, digits=row.currency.digits)

    def get_collateral(self, row: Any) -> str:
        """Write what the collateral counts for."""
        return decimal_text(minor=row.pool.value_minor, digits=row.currency.digits)

    def get_balance(self, row: Any) -> str:
        """Write the excess or shortfall."""
        return decimal_text(minor=row.balance_minor, digits=row.currency.digits)

    def get_variation(self, row: Any) -> str:
        """Write the variation margin."""
        return decimal_text(minor=row.variation_minor, digits=row.currency.digits)


class MarginStatementSerializer(serializers.Serializer[Any]):
    """A member's margin statement of one business date."""

    member = serializers.CharField(source="member.code")
    business_date = serializers.DateField()
    margin_run = serializers.IntegerField(source="run.pk", allow_null=True, default=None)
    segments = MarginStatementSegmentSerializer(many=True)
    lines = MarginStatementLineSerializer(many=True)
