"""What a position is worth and what margin it takes: whole numbers, rounded against the account.

Scales: quantities are steps, prices ticks, money minor units of the contract's currency, all int64. A value is
steps × ticks × multiplier / divisor. The live script computes the same in double floats, which hold whole numbers
up to 2**53 exactly; the limits below keep every product within that.
"""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_PRODUCT = 9 * 10**15
LARGEST_POSITION_MINOR = 10**13
LARGEST_STEPS = 90_000_000
LARGEST_BALANCE_MINOR = 10**15
BASIS_POINTS = 10_000
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one contract; see DerivativeContract."""

    contract_id: int
    symbol: str
    currency_id: int
    multiplier: int
    divisor: int
    initial_bp: int
    maintenance_bp: int
    fee_bp: int
    depth_steps: int
    limit_steps: int = LARGEST_STEPS
    market_maker_id: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Steps held, positive if long, and what they cost in minor units: below zero for a short one."""

    steps: int
    cost_minor: int


NOTHING = Position(0, 0)


def ceil_div(dividend: int, divisor: int) -> int:
    """Divide whole numbers, rounding up."""
    return -(-dividend // divisor)


def value_of(*, terms: Terms, steps: int, ticks: int) -> int:
    """Return what a position is worth in minor units, rounded down: a short one owes more rather than less."""
    return steps * ticks * terms.multiplier // terms.divisor


def notional_of(*, terms: Terms, steps: int, ticks: int) -> int:
    """Return the size of a position in minor units, rounded up: it is what margin is asked for."""
    return ceil_div(abs(steps) * ticks * terms.multiplier, terms.divisor)


def margin_of(*, notional_minor: int, basis_points: int) -> int:
    """Return a margin, rounded up.

    Equity is a whole number, so that equity < ⌈x⌉ if and only if equity < x: rounding up liquidates nobody early.
    """
    return ceil_div(notional_minor * basis_points, BASIS_POINTS)


def profit_of(*, terms: Terms, position: Position, ticks: int) -> int:
    """Return a position's profit at a price, below zero for a loss."""
    return value_of(terms=terms, steps=position.steps, ticks=ticks) - position.cost_minor


def price_of_cost(*, terms: Terms, position: Position) -> int | None:
    """Return the average price of a position in ticks, to the nearest; None where nothing is held."""
    if not position.steps:
        return None
    size = abs(position.steps) * terms.multiplier
    return (2 * abs(position.cost_minor) * terms.divisor + size) // (2 * size)


def trade_value(*, terms: Terms, steps: int, ticks: int, buyer_asks: bool) -> int:
    """Return what a trade's buyer pays its seller: where the cent is broken, rounded against who asked for it."""
    if buyer_asks:
        return notional_of(terms=terms, steps=steps, ticks=ticks)
    return value_of(terms=terms, steps=steps, ticks=ticks)


def change_position(*, position: Position, steps: int, value_minor: int) -> tuple[Position, int]:
    """Return the position after buying (steps > 0) or selling at a value ≥ 0, and the profit that this realises.

    What is closed takes its share of the cost with it, rounded up, so that the profit is rounded down; what is
    left of the cost stays with the position, and no cent is made or lost. A trade through zero closes all and opens
    the rest at the trade's own price.
    """
    held, signed = position.steps, value_minor if steps > 0 else -value_minor
    if held == 0 or (held > 0) == (steps > 0):
        return Position(held + steps, position.cost_minor + signed), 0
    if abs(steps) <= abs(held):
        released = ceil_div(position.cost_minor * abs(steps), abs(held))
        return Position(held + steps, position.cost_minor - released), -signed - released
    opened = ceil_div(signed * abs(held + steps), abs(steps))
    closed = signed - opened
    return Position(held + steps, opened), -closed - position.cost_minor
