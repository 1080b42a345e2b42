"""Funding payments of perpetuals, and the settlement of futures at their expiry."""

from __future__ import annotations

from collections.abc import Mapping

from clearing.core.derivatives.terms import MILLION, Position, Terms, ceil_div, value_of

HOURS_PER_DAY = 24


def funding_rate(*, mark_ticks: int, index_ticks: int, hours: int, cap_ppm: int) -> int:
    """Return the rate of one funding in millionths: the premium of the mark over the index, for its share of a day.

    Positive: longs pay shorts. Held within the cap, either way; the fraction of a millionth is dropped.
    """
    premium = abs(mark_ticks - index_ticks) * MILLION * hours // (index_ticks * HOURS_PER_DAY)
    rate = min(premium, cap_ppm)
    return rate if mark_ticks >= index_ticks else -rate


def funding_payments(
    *, terms: Terms, positions: Mapping[int, Position], mark_ticks: int, rate_ppm: int, insurance_id: int
) -> dict[int, int]:
    """Return what each account receives (+) or pays (−), zeros left out; they sum to zero.

    positions: by account, of one contract. Payers pay the cent begun, receivers get whole cents; what that leaves
    goes to the insurance fund.
    """
    paid = {
        account_id: -ceil_div(position.steps * mark_ticks * terms.multiplier * rate_ppm, terms.divisor * MILLION)
        for account_id, position in positions.items()
    }
    left = -sum(paid.values())
    paid[insurance_id] = paid.get(insurance_id, 0) + left
    return {account_id: amount for account_id, amount in paid.items() if amount}


def settlement_profits(
    *, terms: Terms, positions: Mapping[int, Position], settlement_ticks: int, insurance_id: int
) -> dict[int, int]:
    """Return the profit that closing all positions at the settlement price realises, by account, zeros left out.

    The cents that rounding down leaves go to the insurance fund, so that what all realise is what all positions
    had cost, the other way round.
    """
    values = {
        account_id: value_of(terms=terms, steps=position.steps, ticks=settlement_ticks)
        for account_id, position in positions.items()
    }
    profits = {account_id: value - positions[account_id].cost_minor for account_id, value in values.items()}
    profits[insurance_id] = profits.get(insurance_id, 0) - sum(values.values())
    return {account_id: profit for account_id, profit in profits.items() if profit}
