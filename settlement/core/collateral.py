"""What securities are worth as collateral, and which of them cover a credit.

Haircuts by kind of security and residual maturity: 12 CFR Part 1221 (margin and capital requirements for covered
swap entities), Appendix B. Its surcharge for another currency has no use here: without exchange rates a security
of another currency is not eligible.
"""

from datetime import date
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

import numpy as np

from settlement.core.compiled import Ints


class CollateralCategory(StrEnum):
    """The rows of the haircut table, as far as this market's data tells them apart."""

    GOVERNMENT_SHORT = "GOVERNMENT_SHORT"
    GOVERNMENT_MEDIUM = "GOVERNMENT_MEDIUM"
    GOVERNMENT_LONG = "GOVERNMENT_LONG"
    CORPORATE_SHORT = "CORPORATE_SHORT"
    CORPORATE_MEDIUM = "CORPORATE_MEDIUM"
    CORPORATE_LONG = "CORPORATE_LONG"
    LIQUID_SHARES = "LIQUID_SHARES"
    OTHER_SHARES = "OTHER_SHARES"
    FUNDS = "FUNDS"


class PledgesDoNotCover(ValueError):
    """The holdings are worth less than the credit that they were to cover."""


def classify_collateral(
    *, security_type: str, issuer_sector: str, liquid: bool, maturity_date: date | None, day: date
) -> CollateralCategory | None:
    """Return the row of the haircut table for a security on a day, None for debt that has matured.

    security_type: EQUITY, BOND or FUND; issuer_sector: GOVERNMENT or CORPORATE. Debt by its residual maturity: below
    one year, up to five, above; without a maturity it counts as the longest. The table's main index is taken to
    be the liquid shares.
    """
    if security_type == "FUND":
        return CollateralCategory.FUNDS
    if security_type == "EQUITY":
        return CollateralCategory.LIQUID_SHARES if liquid else CollateralCategory.OTHER_SHARES
    if maturity_date is not None and maturity_date <= day:
        return None
    if maturity_date is None or maturity_date > _years_after(day, 5):
        term = "LONG"
    else:
        term = "MEDIUM" if maturity_date >= _years_after(day, 1) else "SHORT"
    sector = "GOVERNMENT" if issuer_sector == "GOVERNMENT" else "CORPORATE"
    return CollateralCategory[f"{sector}_{term}"]


def unit_value_minor(*, price: Decimal, amount_per_price: Decimal, digits: int, haircut_percent: Decimal) -> int:
    """Return what one unit is worth as collateral in minor units, rounded down; n units are worth n times that.

    amount_per_price: 1, or 0.01 where the price is in percent of nominal. digits: those of the currency.
    """
    value = price * amount_per_price * (100 - haircut_percent) / 100
    return int(value.scaleb(digits).to_integral_value(rounding=ROUND_FLOOR))


def choose_pledges(*, credit: int, units: Ints, unit_value: Ints, wanted: Ints) -> Ints:
    """Return how many units of each holding, int64[h], cover a credit together, at their values as collateral.

    First what no pending delivery wants (`wanted`, units of each holding), then the rest; of both the most
    valuable holding first, so that few are pledged; the last is pledged in part. Raises PledgesDoNotCover.
    """
    pledged = np.zeros_like(units)
    spare = np.maximum(units - np.maximum(wanted, 0), 0)
    missing = credit
    for offered in (spare, units - spare):
        value = offered * unit_value
        for place in np.argsort(-value, kind="stable").tolist():
            if missing <= 0 or value[place] <= 0:
                break
            taken = min(int(offered[place]), -(-missing // int(unit_value[place])))
            pledged[place] += taken
            missing -= taken * int(unit_value[place])
    if missing > 0:
        raise PledgesDoNotCover(f"{missing} of {credit} are not covered.")
    return pledged


def _years_after(day: date, years: int) -> date:
    """Return the same day some years later; 1 March for 29 February in a common year."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
