"""Many positions through many moves: the rule of positions.py for one account and security after the other. Pure.

A million trades are two million moves, most of them at average cost, so that case has a loop of its own without an
object a move; tests hold it against positions.py, which says what is right.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from trades.core.book.terms import LARGEST_INT64
from trades.core.positions import CostMethod, Lot, PositionAboveInt64, close_lots, divide_half_away


@dataclass(frozen=True, slots=True)
class Held:
    """A position as a day carries it: what is open, and what was realised and paid in fees since the first day."""

    method: CostMethod
    quantity_units: int = 0
    cost_minor: int = 0
    realised_minor: int = 0
    fees_minor: int = 0
    lots: tuple[Lot, ...] = ()

    @property
    def open_lots(self) -> tuple[Lot, ...]:
        """Return the lots, the oldest first; at average cost the one there is."""
        if self.method == CostMethod.FIFO or not self.quantity_units:
            return self.lots
        return (Lot(self.quantity_units, self.cost_minor),)


def with_method(*, held: Held, method: CostMethod) -> Held:
    """Return a position costed by another method from now on: its average becomes one lot, its lots one average."""
    if held.method == method:
        return held
    lots = (Lot(held.quantity_units, held.cost_minor),) if held.quantity_units else ()
    return replace(held, method=method, lots=lots if method == CostMethod.FIFO else ())


def walk_moves(*, held: Held, units: Sequence[int], minor: Sequence[int], fees_minor: int = 0) -> Held:
    """Return the position after its moves, in their order.

    units: received above zero, given below. minor: paid for them or received, of the same sign or zero. fees_minor:
    of all of them. Raises PositionAboveInt64.
    """
    if held.method == CostMethod.FIFO:
        lots = deque(held.lots)
        realised = sum(close_lots(lots, moved, amount, held.method) for moved, amount in zip(units, minor, strict=True))
        quantity, cost = sum(lot.quantity_units for lot in lots), sum(lot.cost_minor for lot in lots)
    else:
        lots = deque()
        quantity, cost, realised = _walk_average(held.quantity_units, held.cost_minor, zip(units, minor, strict=True))
    after = Held(held.method, quantity, cost, held.realised_minor + realised, held.fees_minor + fees_minor, tuple(lots))
    if max(abs(quantity), abs(cost), abs(after.realised_minor), abs(after.fees_minor)) > LARGEST_INT64:
        raise PositionAboveInt64
    return after


def _walk_average(quantity: int, cost: int, moves: Iterable[tuple[int, int]]) -> tuple[int, int, int]:
    """Return units, cost and what was realised."""
    realised = 0
    for units, amount in moves:
        if not quantity or (quantity > 0) == (units > 0):
            quantity += units
            cost += amount
        elif abs(units) <= abs(quantity):
            released = divide_half_away(cost * abs(units), abs(quantity))
            realised -= released + amount
            quantity += units
            cost -= released
        else:
            part = divide_half_away(amount * abs(quantity), abs(units))
            realised -= cost + part
            quantity += units
            cost = amount - part
    return quantity, cost, realised
