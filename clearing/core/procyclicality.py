"""Anti-procyclicality: the choices of Article 28(1) of Regulation (EU) No 153/2013, one function each.

Margins are amounts of any shape; all of them take and return the same shape.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from clearing.core.arrays import Floats
from clearing.core.refusals import ParameterOutOfRange

BUFFER: Final = 0.25
STRESS_WEIGHT: Final = 0.25
FLOOR_YEARS: Final = 10
FLOOR_RETURNS: Final = 2_520
"""Ten years of 252 business days."""


def buffer_margin(*, margin: ArrayLike, calm_margin: ArrayLike, buffer: float = BUFFER) -> Floats:
    """Return the margin with a buffer that is exhausted while margins rise (Article 28(1)(a)).

    calm_margin: the level of ordinary times, such as the margin over a long lookback. Up to that level the
    charge is (1 + buffer) * margin. Above it the buffer gives way: the charge stands still at
    (1 + buffer) * calm_margin until the margin has caught up, and is the margin from there on.
    Never under the margin nor over (1 + buffer) times it. Raises ParameterOutOfRange.
    """
    _check_share(buffer)
    margins = np.asarray(margin, np.float64)
    level = (1.0 + buffer) * np.asarray(calm_margin, np.float64)
    return np.minimum((1.0 + buffer) * margins, np.maximum(margins, level))


def weigh_stress(*, margin: ArrayLike, stressed_margin: ArrayLike, weight: float = STRESS_WEIGHT) -> Floats:
    """Return (1 - weight) * margin + weight * stressed margin, never under the margin (Article 28(1)(b)).

    stressed_margin: of the same positions over stressed observations. Raises ParameterOutOfRange.
    """
    _check_share(weight)
    margins = np.asarray(margin, np.float64)
    return (1.0 - weight) * margins + weight * np.maximum(margins, np.asarray(stressed_margin, np.float64))


def floor_margin(*, margin: ArrayLike, long_margin: ArrayLike) -> Floats:
    """Return the margin, no lower than over a ten-year lookback (Article 28(1)(c))."""
    return np.maximum(np.asarray(margin, np.float64), np.asarray(long_margin, np.float64))


def _check_share(share: float) -> None:
    if not 0.0 <= share <= 1.0:
        raise ParameterOutOfRange(f"A buffer or weight of {share}; it lies between 0 and 1.")
