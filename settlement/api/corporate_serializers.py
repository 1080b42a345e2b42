"""Shapes of corporate actions, entitlements and market claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reference.api.fields import CurrencyCode, Isin, ParticipantCode, Price, decimal_text
from reference.queries import directory
from settlement.core.corporate_actions import CorporateActionKind
from settlement.models import CorporateAction, Entitlement, MarketClaim
from settlement.services.announce_corporate_action import AnnouncedAction


@extend_schema_field({"type": "string", "example": "125.00", "description": "Cash as a decimal; units of a split."})
class Distributed(serializers.Field[Any, Any, str, Any]):
    """What is distributed: cash of the action's currency, or units."""

    def __init__(self, **extra: Any) -> None:
        super().__init__(source="*", read_only=True, **extra)

    def to_representation(self, value: Entitlement | MarketClaim) -> str:
        """Write the amount of an entitlement or a claim."""
        currency = value.action.currency_id
        return decimal_text(minor=value.amount, digits=directory().currencies[currency].digits if currency else 0)


class CorporateActionSerializer(serializers.ModelSerializer[CorporateAction]):
    """A distribution on a security."""

    security: Any = Isin(source="security_id")
    currency: Any = CurrencyCode(source="currency_id", allow_null=True)
    rate: Any = Price(allow_null=True, help_text="Cash a unit, or percent of nominal.")
    total = serializers.SerializerMethodField(help_text="Entitlements visible to you, together; null before.")
    holders = serializers.IntegerField(allow_null=True, help_text="Accounts entitled, of those visible to you.")
    claims = serializers.IntegerField(source="claimed", allow_null=True, help_text="Market claims visible to you.")

    class Meta:
        """What, when, how much and where it stands."""

        model = CorporateAction
        fields = [
            "id", "kind", "security", "ex_date", "record_date", "payment_date", "rate", "currency", "ratio_new",
            "ratio_old", "status", "holders", "total", "claims", "announced_at", "recorded_at", "paid_at",
            "cancelled_at",
        ]  # fmt: skip

    def get_total(self, row: Any) -> str | None:
        """Write what the visible entitlements add up to."""
        if row.total is None:
            return None
        digits = directory().currencies[row.currency_id].digits if row.currency_id else 0
        return decimal_text(minor=int(row.total), digits=digits)


class CorporateActionEntrySerializer(serializers.Serializer[Any]):
    """A corporate action to announce: a rate for a dividend or a coupon, a ratio for a split."""

    kind = serializers.ChoiceField(choices=[(kind.value, kind.title()) for kind in CorporateActionKind])
    security = serializers.CharField(max_length=24, help_text="ISIN or symbol.")
    ex_date = serializers.DateField()
    record_date = serializers.DateField()
    payment_date = serializers.DateField()
    rate = serializers.DecimalField(max_digits=16, decimal_places=8, required=False, allow_null=True)
    currency = serializers.CharField(max_length=3, required=False, help_text="The security's own, where left out.")
    ratio_new = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=1_000)
    ratio_old = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=1_000)


class EntitlementSerializer(serializers.ModelSerializer[Entitlement]):
    """What one account's holding is entitled to."""

    account = serializers.CharField(source="account.code")
    participant: Any = ParticipantCode(source="account.participant_id")
    holding = serializers.IntegerField(source="holding_units")
    amount: Any = Distributed()

    class Meta:
        """Whose holding, and how much it is entitled to."""

        model = Entitlement
        fields = ["id", "account", "participant", "holding", "amount"]


class MarketClaimSerializer(serializers.ModelSerializer[MarketClaim]):
    """What the deliverer of a pending instruction owes its receiver."""

    instruction = serializers.UUIDField(source="instruction.public_id", help_text="The delivery it is for.")
    owes: Any = ParticipantCode(source="instruction.deliverer_account.participant_id")
    is_owed: Any = ParticipantCode(source="instruction.receiver_account.participant_id")
    quantity = serializers.IntegerField(source="quantity_units")
    amount: Any = Distributed()

    class Meta:
        """Who owes whom how much, and for which delivery."""

        model = MarketClaim
        fields = ["id", "instruction", "owes", "is_owed", "quantity", "amount", "business_date"]


def resolve_action(*, fields: Mapping[str, Any]) -> AnnouncedAction:
    """Return the action as entered, its codes resolved. Raises UnknownSecurity, UnknownCurrency."""
    source = directory()
    code = fields["security"]
    currency = fields.get("currency")
    return AnnouncedAction(
        kind=CorporateActionKind(fields["kind"]),
        security=source.securities_by_symbol.get(code) or source.security(isin=code, pointer="/security"),
        ex_date=fields["ex_date"],
        record_date=fields["record_date"],
        payment_date=fields["payment_date"],
        rate=fields.get("rate"),
        ratio_new=fields.get("ratio_new"),
        ratio_old=fields.get("ratio_old"),
        currency=source.currency(code=currency, pointer="/currency") if currency else None,
    )
