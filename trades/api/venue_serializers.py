"""Shapes of venues, books and executions in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from reference.api.fields import decimal_text
from reference.queries import directory
from trades.queries.venues import BookDetail, BookStanding, LadderLevel, VenueStanding

PRICE = "Decimal string, in the security's currency."


class VenueValueSerializer(serializers.Serializer[Any]):
    """What was executed in one currency."""

    currency = serializers.CharField()
    value = serializers.CharField(help_text="Decimal string.")


class VenueSerializer(serializers.Serializer[Any]):
    """A venue as it stands now."""

    mic = serializers.CharField(help_text="Market identifier code (ISO 10383).")
    name = serializers.CharField()
    participant = serializers.CharField()
    market_maker = serializers.CharField(help_text="Whose quotes stand there.")
    open = serializers.BooleanField(help_text="Within its hours.")
    opens_at = serializers.CharField(help_text="CET.")
    closes_at = serializers.CharField(help_text="CET.")
    circuit_breaker = serializers.ChoiceField(choices=["CLOSED", "OPEN", "HALF_OPEN"])
    maker_ppm = serializers.IntegerField(help_text="Fee of a maker, parts per million; below zero a rebate.")
    taker_ppm = serializers.IntegerField()
    minimum_fee_minor = serializers.IntegerField()
    books = serializers.IntegerField()
    quoted_books = serializers.IntegerField(help_text="Books with a bid and an offer.")
    standing_orders = serializers.IntegerField()
    executions_today = serializers.IntegerField()
    units_today = serializers.IntegerField()
    value_today = VenueValueSerializer(many=True)
    fill_ratio = serializers.FloatField(allow_null=True, help_text="Filled of asked for; null before any order.")
    latency_ms = serializers.FloatField(allow_null=True)


class VenueListSerializer(serializers.Serializer[Any]):
    """All venues."""

    venues = VenueSerializer(many=True)


class BookStandingSerializer(serializers.Serializer[Any]):
    """One order book as it stands now."""

    mic = serializers.CharField()
    isin = serializers.CharField()
    symbol = serializers.CharField()
    currency = serializers.CharField()
    tick = serializers.CharField(help_text=PRICE)
    sequence = serializers.IntegerField(help_text="Number of the last event: it grows by one with each.")
    bid = serializers.CharField(allow_null=True, help_text=PRICE)
    offer = serializers.CharField(allow_null=True, help_text=PRICE)
    last = serializers.CharField(allow_null=True, help_text="Of today. " + PRICE)
    standing_orders = serializers.IntegerField()
    executions_today = serializers.IntegerField()
    units_today = serializers.IntegerField()
    value_today = serializers.CharField(help_text="Decimal string.")


class VenueDetailSerializer(VenueSerializer):
    """A venue and its order books."""

    order_books = BookStandingSerializer(many=True)


class LevelSerializer(serializers.Serializer[Any]):
    """All that rests at one price."""

    price = serializers.CharField(help_text=PRICE)
    quantity = serializers.IntegerField(help_text="Units.")
    orders = serializers.IntegerField()


class BookSerializer(BookStandingSerializer):
    """An order book with its best levels, best first."""

    bids = LevelSerializer(many=True)
    offers = LevelSerializer(many=True)


class VenueExecutionSerializer(serializers.Serializer[Any]):
    """One execution on a book's tape."""

    number = serializers.IntegerField()
    at = serializers.DateTimeField(help_text="Business time.")
    business_date = serializers.DateField()
    price = serializers.CharField(help_text=PRICE)
    quantity = serializers.IntegerField(help_text="Units.")
    aggressor = serializers.ChoiceField(
        choices=[("BUY", "Buy"), ("SELL", "Sell")], help_text="The side of the order that came last."
    )
    buyer = serializers.CharField(help_text="Empty where it is not yours to see.")
    seller = serializers.CharField(help_text="Empty where it is not yours to see.")


def venue_document(*, standing: VenueStanding) -> dict[str, Any]:
    """Write a venue."""
    venue = standing.venue
    digits = {code: entry.digits for code, entry in directory().currencies_by_code.items()}
    return {
        "mic": venue.mic,
        "name": venue.name,
        "participant": venue.participant.code,
        "market_maker": venue.market_maker.code,
        "open": standing.open,
        "opens_at": venue.opens_at.isoformat("minutes"),
        "closes_at": venue.closes_at.isoformat("minutes"),
        "circuit_breaker": standing.breaker,
        "maker_ppm": venue.maker_ppm,
        "taker_ppm": venue.taker_ppm,
        "minimum_fee_minor": venue.minimum_fee_minor,
        "books": standing.books,
        "quoted_books": standing.quoted_books,
        "standing_orders": standing.standing_orders,
        "executions_today": standing.executions,
        "units_today": standing.units,
        "value_today": [
            {"currency": code, "value": decimal_text(minor=minor, digits=digits[code])}
            for code, minor in standing.value_minor.items()
        ],
        "fill_ratio": standing.fill_ratio,
        "latency_ms": standing.latency_ms,
    }


def book_document(*, mic: str, standing: BookStanding) -> dict[str, Any]:
    """Write one book without its levels."""
    security = standing.security
    return {
        "mic": mic,
        "isin": security.isin,
        "symbol": security.symbol,
        "currency": security.currency.code,
        "tick": str(standing.row.tick),
        "sequence": standing.row.event_number,
        "bid": None if standing.bid is None else str(standing.bid),
        "offer": None if standing.offer is None else str(standing.offer),
        "last": None if standing.last is None else str(standing.last),
        "standing_orders": standing.row.standing_orders,
        "executions_today": standing.executions,
        "units_today": standing.units,
        "value_today": decimal_text(minor=standing.value_minor, digits=security.currency.digits),
    }


def levels_document(*, found: BookDetail) -> dict[str, Any]:
    """Write one book with its levels."""

    def written(level: LadderLevel) -> dict[str, Any]:
        return {"price": str(level.price), "quantity": level.units, "orders": level.orders}

    return {
        **book_document(mic=found.venue.mic, standing=found.standing),
        "bids": [written(level) for level in found.bids],
        "offers": [written(level) for level in found.offers],
    }
