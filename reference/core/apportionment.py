"""Sharing a whole number among many, to the last unit."""

from collections.abc import Sequence


def apportion(*, total: int, weights: Sequence[int]) -> list[int]:
    """Split total in proportion to weights by the largest remainder (Hamilton's method); the parts add up exactly.

    Each part is rounded down; the units left over go one by one to the largest remainders, of equal ones to the
    first. weights: zero or more, not all zero; what weighs nothing gets nothing. Any size of number. A negative
    total is split as its opposite. Raises ValueError for weights that cannot share.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights are zero or more, and one at least is above zero")
    if total < 0:
        return [-part for part in apportion(total=-total, weights=weights)]
    parts = [total * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda place: (-(total * weights[place] % whole), place))
    for place in order[: total - sum(parts)]:
        parts[place] += 1
    return parts
