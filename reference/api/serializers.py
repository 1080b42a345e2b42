"""Shapes of reference data in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from reference.api.fields import CurrencyCode, ParticipantCode
from reference.models import Participant, Security


class ParticipantSerializer(serializers.ModelSerializer[Participant]):
    """A participant."""

    clearing_member = serializers.SerializerMethodField(help_text="Code of the member it clears through.")

    class Meta:
        """The public columns."""

        model = Participant
        fields = ["id", "code", "name", "lei", "bic", "role", "clearing_member", "active"]

    def get_clearing_member(self, participant: Participant) -> str | None:
        """Return the code of the member it clears through."""
        if participant.clearing_member_id is None:
            return None
        return ParticipantCode().to_representation(participant.clearing_member_id)


class SecuritySerializer(serializers.ModelSerializer[Security]):
    """A security; quantities are whole units, bonds in units of nominal."""

    isin = serializers.CharField(source="code")
    currency: Any = CurrencyCode(source="currency_id")

    class Meta:
        """The columns that trades need."""

        model = Security
        fields = [
            "isin", "symbol", "name", "security_type", "quotation", "currency", "settlement_lag_days",
            "lot_size_units", "price_digits", "issuer_name", "issuer_sector",
            "sme_growth_market", "maturity_date", "liquid", "active",
        ]  # fmt: skip
