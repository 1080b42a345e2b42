"""Positions and their profit and loss, realised and unrealised, by average cost or first in first out. Exact.

What is bought or sold short opens a lot at its amount; what reverses it releases that amount, in part or whole.
Parts are rounded to a minor unit, halves away from zero, and the lot keeps the rest, so nothing is lost: of a position
that is flat again, realised is exactly what was received less what was paid. Fees stand apart (IFRS 9: transaction
costs of what is held at fair value go through profit or loss).
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from reference.refusals import Refusal
from trades.core.book.terms import LARGEST_INT64, OrderSide


class PositionAboveInt64(Refusal):
    """The position, its cost or its result does not fit into 64 bits."""

    code = "position-above-int64"


class FillInvalid(Refusal):
    """A fill has at least one unit, and an amount of zero or more."""

    code = "fill-invalid"


class CostMethod(StrEnum):
    """Which units are taken to be sold first."""

    AVERAGE = "AVERAGE"
    FIFO = "FIFO"


@dataclass(frozen=True, slots=True)
class Fill:
    """An execution as a position sees it. amount_minor: paid or received for it, without the fee."""

    side: OrderSide
    quantity_units: int
    amount_minor: int
    fee_minor: int = 0


@dataclass(frozen=True, slots=True)
class Lot:
    """Units held (above zero) or owed (below), and what was paid or received for them, of the same sign."""

    quantity_units: int
    cost_minor: int


@dataclass(frozen=True, slots=True)
class Position:
    """Lots oldest first, all of one sign; with average cost at most one."""

    method: CostMethod
    lots: tuple[Lot, ...] = ()
    realised_minor: int = 0
    fees_minor: int = 0

    @property
    def quantity_units(self) -> int:
        """Units held, below zero if short."""
        return sum(lot.quantity_units for lot in self.lots)

    @property
    def cost_minor(self) -> int:
        """What the open lots cost; below zero what was received for a short position."""
        return sum(lot.cost_minor for lot in self.lots)

    @property
    def net_minor(self) -> int:
        """Realised, less all fees."""
        return self.realised_minor - self.fees_minor


def apply_fills(*, position: Position, fills: Iterable[Fill]) -> tuple[Position, tuple[int, ...]]:
    """Return the position after the fills, in their order, and what each of them realised, in minor units.

    A fill larger than the position it reverses closes it and opens one of the other sign with the rest; its amount is
    divided in proportion. Raises FillInvalid, PositionAboveInt64.
    """
    lots = deque(position.lots)
    realised: list[int] = []
    fees_minor = position.fees_minor
    for fill in fills:
        if fill.quantity_units <= 0 or fill.amount_minor < 0:
            raise FillInvalid()
        signed_units = fill.quantity_units if fill.side == OrderSide.BUY else -fill.quantity_units
        signed_minor = fill.amount_minor if fill.side == OrderSide.BUY else -fill.amount_minor
        realised.append(close_lots(lots, signed_units, signed_minor, position.method))
        fees_minor += fill.fee_minor
    after = Position(position.method, tuple(lots), position.realised_minor + sum(realised), fees_minor)
    if max(map(abs, (after.quantity_units, after.cost_minor, after.realised_minor, fees_minor))) > LARGEST_INT64:
        raise PositionAboveInt64()
    return after, tuple(realised)


def value_unrealised(*, position: Position, price_minor: Decimal) -> int:
    """Return what closing at this price would realise, in minor units, rounded once.

    price_minor: of one unit, in minor units of the currency. Raises PositionAboveInt64.
    """
    over, under = price_minor.as_integer_ratio()
    worth_minor = divide_half_away(position.quantity_units * over, under)
    if abs(worth_minor) > LARGEST_INT64:
        raise PositionAboveInt64()
    return worth_minor - position.cost_minor


def close_lots(lots: deque[Lot], units: int, amount_minor: int, method: CostMethod) -> int:
    """Close what the fill reverses, open what is left of it, and return what was realised."""
    realised_minor = 0
    while units and lots and (lots[0].quantity_units > 0) != (units > 0):
        lot = lots[0]
        closed = min(abs(lot.quantity_units), abs(units))
        released_minor = divide_half_away(lot.cost_minor * closed, abs(lot.quantity_units))
        part_minor = divide_half_away(amount_minor * closed, abs(units))
        # Both have the sign of their side: a lot's cost is given up, and the reversing amount comes in its place.
        realised_minor -= released_minor + part_minor
        sign = 1 if units > 0 else -1
        lot_left = lot.quantity_units + sign * closed
        if lot_left:
            lots[0] = Lot(lot_left, lot.cost_minor - released_minor)
        else:
            lots.popleft()
        units -= sign * closed
        amount_minor -= part_minor
    if units and lots and method == CostMethod.AVERAGE:
        lots[0] = Lot(lots[0].quantity_units + units, lots[0].cost_minor + amount_minor)
    elif units:
        lots.append(Lot(units, amount_minor))
    return realised_minor


def divide_half_away(amount: int, by: int) -> int:
    """Divide by a number above zero and round half away from zero, so that a short mirrors a long."""
    rounded = (2 * abs(amount) + by) // (2 * by)
    return rounded if amount >= 0 else -rounded
