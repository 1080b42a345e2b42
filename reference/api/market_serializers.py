"""Shapes of market data in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from reference.api.fields import CurrencyCode, Isin, Price
from reference.models import DailyPrice, ExchangeRate, Quote

_PRICE: dict[str, Any] = {"max_digits": 18, "decimal_places": 6}


class QuoteSerializer(serializers.ModelSerializer[Quote]):
    """A quote, in the security's quotation (bonds: percent of nominal); sizes in whole units."""

    security: Any = Isin(source="security_id")
    bid: Any = Price()
    ask: Any = Price()
    last: Any = Price()

    class Meta:
        """The public columns."""

        model = Quote
        fields = [
            "security",
            "at",
            "business_date",
            "bid",
            "ask",
            "last",
            "bid_units",
            "ask_units",
            "last_units",
            "source",
        ]


class LastQuoteSerializer(serializers.Serializer[Any]):
    """The last quote of a security."""

    security: Any = Isin(source="security_id")
    at = serializers.DateTimeField(help_text="Business time.")
    bid: Any = Price()
    ask: Any = Price()
    mid: Any = Price()
    last: Any = Price()
    bid_units = serializers.IntegerField()
    ask_units = serializers.IntegerField()
    last_units = serializers.IntegerField()
    source: Any = serializers.CharField()


class QuoteEntrySerializer(serializers.Serializer[Any]):
    """A quote to take in."""

    security = serializers.CharField(help_text="ISIN or symbol.")
    at = serializers.DateTimeField(help_text="With its time zone; not after the business time.")
    bid = serializers.DecimalField(**_PRICE)
    ask = serializers.DecimalField(**_PRICE)
    last = serializers.DecimalField(**_PRICE)
    bid_units = serializers.IntegerField(required=False)
    ask_units = serializers.IntegerField(required=False)
    last_units = serializers.IntegerField(required=False)


class DailyPriceSerializer(serializers.ModelSerializer[DailyPrice]):
    """A day's prices of a security; `adjusted_close` is adjusted for splits and dividends."""

    security: Any = Isin(source="security_id")
    open: Any = Price()
    high: Any = Price()
    low: Any = Price()
    close: Any = Price()
    adjusted_close: Any = Price()

    class Meta:
        """The public columns."""

        model = DailyPrice
        fields = ["security", "date", "open", "high", "low", "close", "volume", "adjusted_close"]


class DailyPriceEntrySerializer(serializers.Serializer[Any]):
    """A day's prices to take in; without `adjusted_close` the close stands for it."""

    security = serializers.CharField(help_text="ISIN or symbol.")
    date = serializers.DateField()
    open = serializers.DecimalField(**_PRICE)
    high = serializers.DecimalField(**_PRICE)
    low = serializers.DecimalField(**_PRICE)
    close = serializers.DecimalField(**_PRICE)
    volume = serializers.IntegerField()
    adjusted_close = serializers.DecimalField(max_digits=24, decimal_places=15, required=False)


class ExchangeRateSerializer(serializers.ModelSerializer[ExchangeRate]):
    """What one unit of a currency is worth in EUR, from a date on."""

    currency: Any = CurrencyCode(source="currency_id")
    value: Any = Price()

    class Meta:
        """The public columns."""

        model = ExchangeRate
        fields = ["currency", "date", "value", "source"]


class ExchangeRateEntrySerializer(serializers.Serializer[Any]):
    """An exchange rate to take in."""

    currency = serializers.CharField()
    date = serializers.DateField()
    value = serializers.DecimalField(max_digits=20, decimal_places=10, help_text="Of one unit, in EUR.")


class RefusedMarketLineSerializer(serializers.Serializer[Any]):
    """A line that was not taken."""

    line = serializers.IntegerField(help_text="From 1; in a CSV file the header is line 1.")
    code: Any = serializers.CharField(source="refusal.code")
    detail: Any = serializers.CharField(source="refusal.message")
    pointer: Any = serializers.CharField(source="refusal.pointer", allow_null=True)


class IngestedSerializer(serializers.Serializer[Any]):
    """What came of the lines."""

    accepted = serializers.IntegerField()
    repeated = serializers.IntegerField(help_text="Lines that stood already, with the same content.")
    refused = RefusedMarketLineSerializer(many=True)
