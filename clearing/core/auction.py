"""Sealed-bid auctions of a defaulter's lots: the best bid of each lot, and who bid poorly or not at all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
NO_BID = -1


@dataclass(frozen=True, slots=True, eq=False)
class SealedBids:
    """Bids in the order in which they were made, one element a bid, shape (k,).

    lots, members: ids. prices_minor: what the bidder wants to be paid to take the lot; negative: it pays.
    times: when, in any unit; equal ones are broken by the order of the elements.
    """

    lots: Integers
    members: Integers
    prices_minor: Integers
    times: Integers


def standing_bids(*, bids: SealedBids) -> Integers:
    """Return the places of the bids that stand: each member's last on each lot. Shape (s,), ascending."""
    last: dict[tuple[int, int], int] = {}
    for place, key in enumerate(zip(bids.lots.tolist(), bids.members.tolist(), strict=True)):
        last[key] = place
    return np.array(sorted(last.values()), dtype=np.int64)


def pick_winners(*, bids: SealedBids, lots: Integers, reserves_minor: list[int | None]) -> Integers:
    """Return the place of each lot's best bid, NO_BID where there is none at or under the reserve; shape (m,).

    The lowest price wins, of equal ones the earliest. lots: (m,) ids. reserves_minor: (m,) the most that is paid.
    """
    standing = standing_bids(bids=bids)
    # By lot, then price, then time, then place: the first of each lot is its best.
    order = standing[np.lexsort((standing, bids.times[standing], bids.prices_minor[standing], bids.lots[standing]))]
    best: dict[int, int] = {}
    for place in order.tolist():
        best.setdefault(int(bids.lots[place]), place)
    found = np.full(len(lots), NO_BID, dtype=np.int64)
    for number, (lot, reserve) in enumerate(zip(lots.tolist(), reserves_minor, strict=True)):
        place = best.get(lot, NO_BID)
        if place != NO_BID and (reserve is None or int(bids.prices_minor[place]) <= reserve):
            found[number] = place
    return found


def find_junior(
    *, bids: SealedBids, members: Integers, lots: Integers, gross_minor: Integers, tolerance_percent: int
) -> NDArray[np.bool_]:
    """Say whose contribution is used first: of who missed a lot, or asked for far more than its best bid; shape (n,).

    Eurex and LCH juniorise so, that it pays to bid, and to bid well. A bid is poor when it is worse than the lot's
    best by more than tolerance_percent of the lot's gross market value. A lot that nobody bid on was missed by all.
    members: (n,) ids of the survivors. lots, gross_minor: (m,) every lot that was offered.
    """
    junior = np.zeros(len(members), dtype=np.bool_)
    standing = standing_bids(bids=bids)
    for lot, gross in zip(lots.tolist(), gross_minor.tolist(), strict=True):
        prices = {
            int(bids.members[place]): int(bids.prices_minor[place])
            for place in standing.tolist()
            if bids.lots[place] == lot
        }
        best = min(prices.values(), default=0)
        for number, member in enumerate(members.tolist()):
            price = prices.get(member)
            junior[number] |= price is None or 100 * (price - best) > tolerance_percent * gross
    return junior


def split_into_lots(*, values_minor: Integers, count: int) -> Integers:
    """Return the lot, 0 to count - 1, that each security belongs to, so that the lots are about equally large; (k,).

    values_minor: (k,) absolute market values. The largest goes first, each to the lot that is smallest so far.
    """
    sums = [0] * max(1, min(count, len(values_minor)))
    lots = np.zeros(len(values_minor), dtype=np.int64)
    for place in sorted(range(len(values_minor)), key=lambda of: (-int(values_minor[of]), of)):
        smallest = sums.index(min(sums))
        lots[place] = smallest
        sums[smallest] += max(1, int(values_minor[place]))
    return lots
