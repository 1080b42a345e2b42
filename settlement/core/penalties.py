"""Cash penalties for settlement fails: category, rate and amount (CSDR; Delegated Regulation (EU) 2017/389)."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

import numpy as np

from reference.core.calendar import add_business_days
from settlement.core.lifecycle import Reason

BASIS_POINTS = Decimal(10_000)
PAYMENT_BUSINESS_DAY = 18
"""Penalties of a month are paid on this business day of the next (ESMA CSDR penalties framework; T2S PBD)."""


class PenaltyKind(StrEnum):
    """What is penalised: a fail of settlement (SEFP), or a match that came late (LMFP)."""

    SETTLEMENT_FAIL = "SEFP"
    LATE_MATCHING = "LMFP"


class PenaltyCategory(StrEnum):
    """The rows of the annex of Delegated Regulation (EU) 2017/389."""

    LIQUID_SHARES = "LIQUID_SHARES"
    ILLIQUID_SHARES = "ILLIQUID_SHARES"
    SME_NOT_DEBT = "SME_NOT_DEBT"
    GOVERNMENT_DEBT = "GOVERNMENT_DEBT"
    OTHER_DEBT = "OTHER_DEBT"
    SME_DEBT = "SME_DEBT"
    OTHER = "OTHER"
    CASH = "CASH"


class Side(StrEnum):
    """The party of an instruction which failed."""

    DELIVERER = "DELIVERER"
    RECEIVER = "RECEIVER"


@dataclass(frozen=True, slots=True)
class DailyRate:
    """A rate in basis points a day, valid from a date until the next; `currency` only where it is for cash."""

    category: PenaltyCategory
    currency: str | None
    valid_from: date
    bp_per_day: Decimal


def classify_security(
    *, security_type: str, issuer_sector: str, liquid: bool, sme_growth_market: bool
) -> PenaltyCategory:
    """Return the annex's row for a fail for lack of this security.

    security_type: EQUITY, BOND or FUND; issuer_sector: GOVERNMENT or CORPORATE.
    """
    if security_type == "BOND":
        if issuer_sector == "GOVERNMENT":
            return PenaltyCategory.GOVERNMENT_DEBT
        return PenaltyCategory.SME_DEBT if sme_growth_market else PenaltyCategory.OTHER_DEBT
    if sme_growth_market:
        return PenaltyCategory.SME_NOT_DEBT
    if security_type == "EQUITY":
        return PenaltyCategory.LIQUID_SHARES if liquid else PenaltyCategory.ILLIQUID_SHARES
    return PenaltyCategory.OTHER


def failing_sides(*, reason: str, held_by_deliverer: bool, held_by_receiver: bool, cash_minor: int) -> tuple[Side, ...]:
    """Return who is answerable for a fail: who lacks the securities, who lacks the cash, or each who holds.

    cash_minor: below zero the deliverer pays. Nobody, where the instruction waited for a linked one or
    for its cut-off: there is no lack of its own.
    """
    if reason in (Reason.LACK, Reason.MINIMUM):
        return (Side.DELIVERER,)
    if reason == Reason.MONY:
        return (Side.DELIVERER,) if cash_minor < 0 else (Side.RECEIVER,)
    if reason == Reason.HOLD:
        held = ((Side.DELIVERER, held_by_deliverer), (Side.RECEIVER, held_by_receiver))
        return tuple(side for side, holds in held if holds)
    return ()


def rate_on(*, rates: list[DailyRate], category: PenaltyCategory, currency: str | None, day: date) -> DailyRate | None:
    """Return the rate of a category that is valid on a day, the newest; None where there is none."""
    valid = [
        rate
        for rate in rates
        if rate.category == category and rate.valid_from <= day and rate.currency in (None, currency)
    ]
    return max(valid, key=lambda rate: rate.valid_from, default=None)


def penalty_minor(
    *, quantity_units: int, price: Decimal, amount_per_price: Decimal, digits: int, bp_per_day: Decimal
) -> int:
    """Return one day's penalty in minor units, rounded half up: quantity x reference price x rate.

    The base is the securities' value for a fail of cash too (Article 3(2)). amount_per_price: 1, or 0.01
    where the price is in percent of nominal. digits: those of the currency.
    """
    amount = quantity_units * price * amount_per_price * bp_per_day / BASIS_POINTS
    return int(amount.scaleb(digits).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def payment_date(*, month: date, calendar: np.busdaycalendar) -> date:
    """Return the day on which a month's penalties are paid: the 18th business day of the next month.

    month: any date of the month penalised.
    """
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    first = add_business_days(day=following, count=0, calendar=calendar)
    return add_business_days(day=first, count=PAYMENT_BUSINESS_DAY - 1, calendar=calendar)


def daily_rate(*, percent_per_year: Decimal) -> Decimal:
    """Return an annual rate as basis points a day of a 360-day year, never below zero."""
    return (max(percent_per_year, Decimal(0)) * 100 / 360).quantize(Decimal("1.00000000"))
