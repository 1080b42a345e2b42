"""Pairing two sides' reports or instructions by the cash amount, within a tolerance. Pure.

Shared by the matching of trades and of settlement instructions: CSDR RTS (EU) 2018/1229 Article 6.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar


class Tolerance(NamedTuple):
    """How far two cash amounts of a currency may lie apart, in its minor units."""

    band_minor: int
    below_minor: int
    above_minor: int

    def allowed(self, *, amount_minor: int) -> int:
        """Return the tolerance for an amount: the smaller one up to the band, the larger above it."""
        return self.below_minor if amount_minor <= self.band_minor else self.above_minor


class HasAmount(Protocol):
    """What can be paired: it has a number in the order of entry, and a cash amount."""

    @property
    def id(self) -> int:
        """Return its number; the lower is the older."""

    @property
    def amount_minor(self) -> int:
        """Return its cash amount in minor units."""


Side = TypeVar("Side", bound=HasAmount)


def pair_nearest(
    *,
    takers: Sequence[Side],
    deliverers: Sequence[Side],
    tolerance: Tolerance,
    differences: Callable[[Side, Side], int | None],
) -> list[tuple[Side, Side]]:
    """Pair (taker, deliverer) one to one by the nearest amount, then by the fewest differences, then by age.

    tolerance: that of the deliverer's amount. differences: (taker, deliverer) -> in how many optional fields
    one is filled and the other blank, None where they must not be paired. Takers choose in the order of the
    distance to their nearest deliverer, the older first: the order of the sequences does not matter.
    """
    free = sorted(deliverers, key=lambda row: (row.amount_minor, row.id))
    amounts = [row.amount_minor for row in free]
    pairs: list[tuple[Side, Side]] = []
    widest = max(tolerance.below_minor, tolerance.above_minor)
    for taker in sorted(takers, key=lambda row: (_nearest_distance(row.amount_minor, amounts), row.id)):
        low = bisect_left(amounts, taker.amount_minor - widest)
        high = bisect_right(amounts, taker.amount_minor + widest)
        best: tuple[int, int, int, int] | None = None
        for place in range(low, high):
            other = free[place]
            distance = abs(other.amount_minor - taker.amount_minor)
            if distance > tolerance.allowed(amount_minor=other.amount_minor):
                continue
            differing = differences(taker, other)
            if differing is None:
                continue
            if best is None or (distance, differing, other.id) < best[:3]:
                best = (distance, differing, other.id, place)
        if best is not None:
            pairs.append((taker, free.pop(best[3])))
            amounts.pop(best[3])
    return pairs


def _nearest_distance(amount_minor: int, amounts: Sequence[int]) -> int:
    """Return how far the nearest of some sorted amounts lies from one."""
    place = bisect_left(amounts, amount_minor)
    return min((abs(near - amount_minor) for near in amounts[max(0, place - 1) : place + 1]), default=0)
