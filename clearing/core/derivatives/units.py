"""Decimal numbers at the edge, whole numbers inside."""

from __future__ import annotations

from decimal import Decimal


def whole_units(*, value: Decimal, digits: int, largest: int) -> int | None:
    """Return a decimal as a whole number of 10**-digits; None where it is not above zero, or too large or too fine."""
    if not value.is_finite() or value <= 0 or value > Decimal(largest).scaleb(-digits):
        return None
    units = value.scaleb(digits)
    return int(units) if units == units.to_integral_value() else None


def decimal_of(*, units: int, digits: int) -> Decimal:
    """Return a whole number of 10**-digits as a decimal."""
    return Decimal(units).scaleb(-digits)
