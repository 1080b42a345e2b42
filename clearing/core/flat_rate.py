"""The flat-rate model: a percentage of each position, with no regard to what hedges what."""

import numpy as np

from clearing.core.arrays import Floats
from clearing.core.refusals import NotFinite, ShapesDiffer


def flat_rate_margin(*, values: Floats, rates: Floats) -> Floats:
    """Return the sum of |market value| * rate of each account.

    values: (accounts, k); rates: (k,), 0.2 for 20 %. Returns (accounts,). Raises NotFinite, ShapesDiffer.
    """
    if rates.shape != values.shape[-1:]:
        raise ShapesDiffer(f"Values {values.shape} and rates {rates.shape} differ in instruments.")
    margin: Floats = np.abs(values) @ rates
    if not np.isfinite(margin).all():
        raise NotFinite("A value or a rate is no finite number.")
    return margin
