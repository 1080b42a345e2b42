"""What a request brings: its fields, business time, and amounts in minor units."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from reference.api.parsers import refuse_unknown_fields
from reference.core.directory import CurrencyEntry
from reference.queries import business_clock
from reference.refusals import Refusal


class AmountNotExact(Refusal):
    """The amount has more digits than its currency."""

    code = "amount-not-exact"


def read_body(*, request: Request, shape: type[Serializer[Any]], partial: bool = False) -> dict[str, Any]:
    """Return a request's fields. Raises ValidationError, also for one that is not known."""
    entry = shape(data=request.data, partial=partial)
    refuse_unknown_fields(data=request.data, known=entry.fields)
    entry.is_valid(raise_exception=True)
    return dict(entry.validated_data)


def now() -> dict[str, Any]:
    """Return business time, for the services."""
    clock = business_clock()
    return {"at": clock.at, "business_date": clock.business_date}


def minor_of(*, amount: Decimal, currency: CurrencyEntry, pointer: str) -> int:
    """Return a decimal amount in minor units. Raises AmountNotExact."""
    scaled = amount.scaleb(currency.digits)
    if scaled != scaled.to_integral_value():
        raise AmountNotExact(pointer=pointer)
    return int(scaled)
