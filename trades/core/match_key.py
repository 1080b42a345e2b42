"""The key by which reports that agree in every field find each other. Pure.

A hash, so that pairing sorts and joins one int64 instead of eleven columns. Equal fields give equal keys;
the columns themselves are compared as well, since different fields may give the same key.
"""

import numpy as np
from numpy.typing import NDArray

# The finaliser of SplitMix64 (Steele, Lea, Flood, Fast splittable pseudorandom number generators, 2014).
FIRST_FACTOR, SECOND_FACTOR = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
STEP = np.uint64(0x9E3779B97F4A7C15)
SHORT_TEXT_BYTES = 8


def match_keys(*, fields: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the key of each report: int64 (n,) of fields int64 (n, k), one column a field to agree on."""
    places = np.arange(1, fields.shape[1] + 1, dtype=np.uint64) * STEP
    mixed = _mix(fields.view(np.uint64) + places)
    return _mix(mixed.sum(axis=1, dtype=np.uint64)).view(np.int64)


def short_text_as_int64(*, texts: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """Return texts of at most eight bytes as numbers, equal where the texts are."""
    return texts.astype(f"S{SHORT_TEXT_BYTES}").view(np.int64)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit of each value over the whole word."""
    values = (values ^ (values >> np.uint64(30))) * FIRST_FACTOR
    values = (values ^ (values >> np.uint64(27))) * SECOND_FACTOR
    return values ^ (values >> np.uint64(31))
