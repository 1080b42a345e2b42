"""At which price a position is liquidated, and at which its account is worth nothing."""

from __future__ import annotations

from fractions import Fraction

from clearing.core.derivatives.terms import BASIS_POINTS, Position, Terms


def liquidation_price(
    *, terms: Terms, position: Position, balance_minor: int, other_maintenance_minor: int = 0
) -> int | None:
    """Return the price, in ticks to the nearest, at which equity is the maintenance margin; None if never.

    Beyond it the account is liquidated. At 20 % posted and 10 % maintenance a position entered at 50,000 has
    44,444.44 if long and 54,545.45 if short (DOMAIN: cost − balance over 1 − m, cost + balance over 1 + m).
    balance_minor: the account's balance and the profit of its other positions.
    """
    rate = Fraction(terms.maintenance_bp, BASIS_POINTS)
    needed = position.cost_minor + other_maintenance_minor - balance_minor
    return _price(terms=terms, minor=needed, steps=position.steps - rate * abs(position.steps))


def bankruptcy_price(*, terms: Terms, position: Position, balance_minor: int) -> int | None:
    """Return the price, in ticks to the nearest, at which the account's equity is zero; None if it never is."""
    return _price(terms=terms, minor=position.cost_minor - balance_minor, steps=Fraction(position.steps))


def _price(*, terms: Terms, minor: int, steps: Fraction) -> int | None:
    """Return the price at which this many steps are worth so much; None where that is no price."""
    if not steps:
        return None
    exact = Fraction(minor * terms.divisor, terms.multiplier) / steps
    ticks = (2 * exact + 1) // 2
    return int(ticks) if ticks >= 1 else None
