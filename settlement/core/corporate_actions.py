"""Corporate actions: their kinds, the one table of their states, and what a holding is entitled to."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

DETECTION_BUSINESS_DAYS = 20
"""Market claims are raised for so many business days after the record date (T2S corporate actions standards)."""


class CorporateActionKind(StrEnum):
    """What is distributed: cash per unit, cash in percent of nominal, or further units."""

    DIVIDEND = "DIVIDEND"
    COUPON = "COUPON"
    SPLIT = "SPLIT"


class CorporateActionStatus(StrEnum):
    """Where a corporate action stands."""

    ANNOUNCED = "ANNOUNCED"
    RECORDED = "RECORDED"
    PAID = "PAID"
    CANCELLED = "CANCELLED"


ACTION_TRANSITIONS: Mapping[str, frozenset[str]] = {
    CorporateActionStatus.ANNOUNCED: frozenset({CorporateActionStatus.RECORDED, CorporateActionStatus.CANCELLED}),
    CorporateActionStatus.RECORDED: frozenset({CorporateActionStatus.PAID}),
    CorporateActionStatus.PAID: frozenset(),
    CorporateActionStatus.CANCELLED: frozenset(),
}


def amount_per_unit(
    *, kind: str, rate: Decimal | None, ratio_new: int | None, ratio_old: int | None, digits: int
) -> Fraction:
    """Return, exactly, what one unit is entitled to: minor units of cash, or for a split further units.

    rate: units of the currency for each unit held (DIVIDEND), or percent of nominal (COUPON). A split gives
    ratio_new units for ratio_old: what is new on top is distributed. digits: those of the currency.
    Raises ValueError for terms that give nothing.
    """
    if kind == CorporateActionKind.SPLIT:
        each = Fraction((ratio_new or 0) - (ratio_old or 0), ratio_old or 1)
    else:
        each = Fraction(rate or 0) * 10**digits / (100 if kind == CorporateActionKind.COUPON else 1)
    if each <= 0:
        raise ValueError("the action distributes nothing")
    return each


def entitlement(*, units: int, each: Fraction) -> int:
    """Return what a holding is entitled to: rounded down, once for each account; the fraction lapses."""
    return units * each.numerator // each.denominator
