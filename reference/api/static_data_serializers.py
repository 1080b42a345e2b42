"""Shapes in which participants, instruments and currencies are created and changed."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from reference.models import Currency, IssuerSector, ParticipantRole, Quotation, SecurityType
from reference.models.participant import BROKER_ROLES, INFRASTRUCTURE_ROLES
from reference.queries import directory

OPEN_ROLES = [(role.value, role.label) for role in ParticipantRole if role not in INFRASTRUCTURE_ROLES]


class ParticipantChangeSerializer(serializers.Serializer[Any]):
    """What may change of a participant."""

    name = serializers.CharField(max_length=120)
    lei = serializers.CharField(max_length=20, help_text="Legal entity identifier, ISO 17442.")
    bic = serializers.CharField(max_length=11, help_text="Business identifier code, ISO 9362.")
    clearing_member = serializers.CharField(
        max_length=12, required=False, allow_null=True, help_text="Code of the member it clears through."
    )
    active = serializers.BooleanField(required=False)


class ParticipantEntrySerializer(ParticipantChangeSerializer):
    """A participant to be let in. Infrastructures come with the product."""

    code = serializers.RegexField(r"^[A-Z0-9]{2,12}\Z", help_text="2 to 12 capital letters and digits.")
    role = serializers.ChoiceField(choices=OPEN_ROLES)


class BrokerEntrySerializer(ParticipantEntrySerializer):
    """A participant whose clients send orders."""

    role = serializers.ChoiceField(
        choices=[(role.value, role.label) for role in BROKER_ROLES], default=ParticipantRole.BROKER.value
    )


class InstrumentChangeSerializer(serializers.Serializer[Any]):
    """What may change of a security."""

    symbol = serializers.CharField(max_length=24)
    name = serializers.CharField(max_length=120)
    issuer_name = serializers.CharField(max_length=120)
    issuer_sector = serializers.ChoiceField(choices=IssuerSector.choices, required=False)
    settlement_lag_days = serializers.IntegerField(min_value=0, max_value=30, required=False)
    lot_size_units = serializers.IntegerField(min_value=1, max_value=10**9, required=False)
    price_digits = serializers.IntegerField(min_value=0, max_value=6, required=False)
    sme_growth_market = serializers.BooleanField(required=False)
    maturity_date = serializers.DateField(required=False, allow_null=True)
    liquid = serializers.BooleanField(required=False)
    active = serializers.BooleanField(required=False)


class InstrumentEntrySerializer(InstrumentChangeSerializer):
    """A security to be admitted. Its ISIN, type, quotation and currency stay as they are entered."""

    isin = serializers.CharField(max_length=12, help_text="ISO 6166.")
    security_type = serializers.ChoiceField(choices=SecurityType.choices)
    quotation = serializers.ChoiceField(choices=Quotation.choices)
    currency = serializers.CharField(max_length=3)
    settlement_lag_days = serializers.IntegerField(min_value=0, max_value=30, default=2)


class CurrencyChangeSerializer(serializers.Serializer[Any]):
    """What may change of a currency: its name, its payment calendar, its matching tolerance."""

    name = serializers.CharField(max_length=120)
    calendar = serializers.CharField(max_length=12, help_text="Code of its payment calendar.")
    tolerance_band_minor = serializers.IntegerField(min_value=0, max_value=10**15, required=False)
    tolerance_below_minor = serializers.IntegerField(min_value=0, max_value=10**15, required=False)
    tolerance_above_minor = serializers.IntegerField(min_value=0, max_value=10**15, required=False)


class CurrencyEntrySerializer(CurrencyChangeSerializer):
    """A currency to be admitted."""

    code = serializers.RegexField(r"^[A-Z]{3}\Z", help_text="ISO 4217.")
    digits = serializers.IntegerField(min_value=0, max_value=4, default=2)


class CurrencySerializer(serializers.ModelSerializer[Currency]):
    """A currency: its payment calendar and its matching tolerance in minor units."""

    calendar = serializers.SerializerMethodField(help_text="Code of its payment calendar.")

    class Meta:
        """The public columns."""

        model = Currency
        fields = [
            "code", "name", "digits", "calendar", "tolerance_band_minor", "tolerance_below_minor",
            "tolerance_above_minor",
        ]  # fmt: skip

    def get_calendar(self, currency: Currency) -> str:
        """Return the calendar's code."""
        return directory().currencies[currency.pk].calendar.code
