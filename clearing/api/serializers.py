"""Shapes of netting, obligations and exposures in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from clearing.models import Obligation
from reference.api.fields import Amount, CurrencyCode, Isin


class NettedSerializer(serializers.Serializer[Any]):
    """Value to settle in one currency, before netting and after."""

    currency = serializers.CharField()
    gross = serializers.CharField(help_text="Decimal string.")
    net = serializers.CharField(help_text="Decimal string.")
    efficiency = serializers.FloatField(allow_null=True, help_text="The share that netting took away, 0 to 1.")


class NettingRunSerializer(serializers.Serializer[Any]):
    """One netting run; a participant sees its own share of the figures."""

    id = serializers.IntegerField()
    business_date = serializers.DateField()
    settlement_date = serializers.DateField()
    ran_at = serializers.DateTimeField()
    contracts = serializers.IntegerField()
    obligations = serializers.IntegerField()
    netted = NettedSerializer(many=True)


class ObligationSerializer(serializers.ModelSerializer[Obligation]):
    """What an account owes and is owed. Positive: it receives; negative: it delivers or pays."""

    status = serializers.SerializerMethodField()
    account = serializers.CharField(source="account.code")
    counterparty_account = serializers.CharField(source="counterparty_account.code")
    security: Any = Isin(source="security_id")
    quantity = serializers.IntegerField(source="quantity_units")
    cash: Any = Amount(minor="cash_minor")
    bought: Any = Amount(minor="bought_minor")
    sold: Any = Amount(minor="sold_minor")
    currency: Any = CurrencyCode(source="currency_id")
    netting_run = serializers.IntegerField(source="netting_run_id", allow_null=True)

    class Meta:
        """What moves, between whom, and how far it is."""

        model = Obligation
        fields = [
            "id", "kind", "status", "netting_run", "account", "counterparty_account", "security", "quantity",
            "cash", "currency", "settlement_date", "trades", "bought", "sold", "created_at", "discharged_at",
            "cancelled_at", "carried_at",
        ]  # fmt: skip

    def get_status(self, obligation: Obligation) -> str:
        """Return OPEN, CARRIED, DISCHARGED or CANCELLED."""
        if obligation.cancelled_at is not None:
            return "CANCELLED"
        if obligation.discharged_at is not None:
            return "DISCHARGED"
        return "OPEN" if obligation.carried_at is None else "CARRIED"


class PositionSerializer(serializers.Serializer[Any]):
    """Open obligations or contracts, at market value."""

    to_receive = serializers.CharField(help_text="Decimal string.")
    to_deliver = serializers.CharField(help_text="Decimal string.")
    cash = serializers.CharField(help_text="Decimal string; positive: to be received.")
    mark = serializers.CharField(help_text="Worth to the member; below zero, the CCP is exposed to it.")
    contracts = serializers.IntegerField()


class ExposureSerializer(serializers.Serializer[Any]):
    """One member's exposure in one currency."""

    member = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    mark = serializers.CharField(help_text="Netted and not yet netted together; decimal string.")
    netted = PositionSerializer()
    unnetted = PositionSerializer()
    clients = serializers.ListField(child=serializers.CharField())


class ExposuresSerializer(serializers.Serializer[Any]):
    """All members' exposures."""

    business_date = serializers.DateField()
    priced_on = serializers.DateField(allow_null=True)
    without_price = serializers.ListField(child=serializers.CharField(), help_text="Symbols valued at nothing.")
    exposures = ExposureSerializer(many=True)
