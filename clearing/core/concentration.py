"""Concentration: a position too large for its market takes longer to close than the margin assumes."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from clearing.core.arrays import Floats
from clearing.core.refusals import NotFinite, ParameterOutOfRange, VolumeMissing

PARTICIPATION: Final = 0.1
"""The share of a day's average volume that can be closed out without moving the price much."""


def concentration_scale(
    *, quantity_units: ArrayLike, average_volume_units: ArrayLike, participation: float = PARTICIPATION, mpor_days: int
) -> Floats:
    """Return sqrt(max(1, d / MPOR)), where d = |q| / (participation * average daily volume) days to close out.

    quantity_units and average_volume_units broadcast against each other; the result has their shape. Scale 1
    where there is no position. Raises VolumeMissing, NotFinite, ParameterOutOfRange.
    """
    if not (0.0 < participation <= 1.0 and mpor_days >= 1):
        raise ParameterOutOfRange(f"participation {participation} of (0, 1] and {mpor_days} days (1 or more).")
    quantity, volume = np.broadcast_arrays(
        np.abs(np.asarray(quantity_units, np.float64)), np.asarray(average_volume_units, np.float64)
    )
    if not (np.isfinite(quantity).all() and np.isfinite(volume).all()):
        raise NotFinite("A quantity or an average volume is no finite number.")
    wrong = (quantity > 0.0) & (volume <= 0.0)
    if wrong.any():
        raise VolumeMissing(f"Instrument {int(np.argwhere(wrong)[0][-1]) + 1} has a position and no volume.")
    days = np.divide(quantity, participation * volume, out=np.zeros(quantity.shape), where=quantity > 0.0)
    scale: Floats = np.sqrt(np.maximum(1.0, days / mpor_days))
    return scale


def concentration_add_on(*, standalone_margin: Floats, scale: Floats) -> Floats:
    """Return what concentration adds: the sum over instruments of (scale - 1) * the margin of that position alone.

    Both (..., k); returns (...). No netting: what is hedged still has to be sold, and never lowers the margin.
    """
    return ((scale - 1.0) * np.maximum(standalone_margin, 0.0)).sum(axis=-1)  # type: ignore[no-any-return]
