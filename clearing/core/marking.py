"""Mark to market: what open positions are worth, exactly, and rounded down once for each portfolio."""

from typing import Final

import numpy as np

from clearing.core.arrays import Flags, Floats, Ints

PRICE_DIGITS: Final = 6
"""Prices are whole millionths, so that no cent is lost to floating point."""
MILLION: Final = 10**PRICE_DIGITS
PERCENT: Final = 100
LARGEST: Final = 2.0**62


def worth_of_portfolios(
    *, starts: Ints, quantity_units: Ints, price_millionths: Ints, percent: Flags, cash_minor: Ints, digits: Ints
) -> list[int]:
    """Return what each portfolio is worth in minor units, rounded down: against the member.

    Positions (n,) are sorted by portfolio; starts: (p,) where each portfolio begins; digits: (p,) of its currency.
    percent: the price is in percent of nominal. worth = sum of quantity * price + cash.
    """
    if not len(starts):
        return []
    whole, part = np.divmod(price_millionths, MILLION)
    sums = {
        kind: (
            _sum_products(quantity_units * chosen, whole, starts),
            _sum_products(quantity_units * chosen, part, starts),
        )
        for kind, chosen in ((1, ~percent), (PERCENT, percent))
    }
    cash = np.add.reduceat(cash_minor, starts).tolist()
    worth = []
    for place, (held, scale) in enumerate(zip(cash, digits.tolist(), strict=True)):
        # In hundredths of millionths of the currency, so that both quotations add up without a fraction.
        total = sum((PERCENT // kind) * (wholes[place] * MILLION + parts[place])
                    for kind, (wholes, parts) in sums.items())  # fmt: skip
        worth.append(held + total * 10**scale // (PERCENT * MILLION))
    return worth


def market_values(*, quantity_units: Ints, price_millionths: Ints, percent: Flags, digits: Ints) -> Floats:
    """Return the market value of each position in minor units, (n,) float64, the sign is the side."""
    unit: Floats = price_millionths / MILLION / np.where(percent, PERCENT, 1) * 10.0**digits
    return quantity_units * unit


def _sum_products(left: Ints, right: Ints, starts: Ints) -> list[int]:
    """Return the exact sums of left * right from each start to the next."""
    if np.abs(left.astype(np.float64) * right).sum() < LARGEST:
        return np.add.reduceat(left * right, starts).tolist()  # type: ignore[no-any-return]
    return np.add.reduceat(left.astype(object) * right.astype(object), starts).tolist()  # type: ignore[no-any-return]
