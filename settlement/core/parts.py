"""How small a part of an instruction may settle, and what it moves: exact in int64.

T2S settles in part only what is worth it: at least 10,000 of the currency for securities quoted in units,
100,000 for those quoted in nominal (T2S reference data, entity Partial Settlement Threshold), in multiples of
the security's settlement unit.
"""

import numpy as np

from settlement.core.batch import MOST_UNITS
from settlement.core.compiled import Flags, Ints


def least_parts(
    *, quantity: Ints, cash: Ints, allowed: Flags, minimum_units: Ints, lot_size: Ints, minimum_cash: Ints
) -> Ints:
    """Return the least quantity of each instruction that may settle, int64[n]; the quantity itself: all or nothing.

    quantity and cash are what remains; cash counts without its sign, and where none is paid no value is
    asked for. minimum_units is what the parties ask for, minimum_cash (below 2**31) what the CSD does,
    both 0 for nothing. A part is a multiple of lot_size, so the answer is one too, or the quantity.
    """
    units, _ = count_units(quantity=quantity, lot_size=lot_size)
    size = quantity // np.maximum(units, 1)
    counted = allowed & (quantity > 0) & (units <= MOST_UNITS)
    paid = np.abs(cash)
    asked = counted & (paid > 0)
    worth = np.zeros_like(quantity)
    worth[asked] = -(-minimum_cash[asked] * units[asked] // paid[asked]) * size[asked]
    least = np.maximum(np.maximum(worth, minimum_units), 1)
    least = -(-least // lot_size) * lot_size
    return np.where(counted & (least < quantity), least, quantity)


def count_units(*, quantity: Ints, lot_size: Ints) -> tuple[Ints, Ints]:
    """Return units and step as build_dvp_batch counts them: a unit is a lot where lots divide the quantity."""
    divides = quantity % lot_size == 0
    return np.where(divides, quantity // lot_size, quantity), np.where(divides, 1, lot_size)


def move_part(*, whole: Ints, units: Ints, part: Ints) -> Ints:
    """Return what a part of the units moves of the whole, int64[n]: pro rata, rounded towards zero.

    0 <= part <= units <= MOST_UNITS. What settles last moves what is left, so that parts add up to the whole.
    """
    size = np.abs(whole)
    return np.sign(whole) * (size // units * part + size % units * part // units)
