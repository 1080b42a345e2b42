"""Auctions: the lowest bid, the earlier of two equal ones, the reserve, replacement, and who is juniorised."""

from __future__ import annotations

import numpy as np

from clearing.core.auction import NO_BID, SealedBids, find_junior, pick_winners, standing_bids

ONE, TWO, THREE = 1, 2, 3


def bids(*rows: tuple[int, int, int, int]) -> SealedBids:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return SealedBids(*(column.copy() for column in columns))


def win(found: SealedBids, reserve: int | None = None) -> int:
    return int(pick_winners(bids=found, lots=np.array([7]), reserves_minor=[reserve])[0])


def test_the_lowest_price_wins_and_it_may_be_negative() -> None:
    assert win(bids((7, ONE, 500, 1), (7, TWO, -300, 2), (7, THREE, 0, 3), (8, ONE, -900, 4))) == 1


def test_equal_prices_go_to_the_earlier_then_to_the_first_in_order() -> None:
    assert win(bids((7, ONE, 500, 5), (7, TWO, 500, 4))) == 1
    assert win(bids((7, ONE, 500, 4), (7, TWO, 500, 4))) == 0


def test_a_later_bid_of_a_member_replaces_its_earlier_one_even_by_a_worse() -> None:
    found = bids((7, ONE, 100, 1), (7, TWO, 200, 2), (7, ONE, 300, 3))
    assert standing_bids(bids=found).tolist() == [1, 2]
    assert win(found) == 1


def test_the_reserve_is_the_most_that_is_paid() -> None:
    found = bids((7, ONE, 500, 1))
    assert win(found, 500) == 0
    assert win(found, 499) == NO_BID
    assert win(bids()) == NO_BID


def test_who_missed_a_lot_or_bid_poorly_is_junior() -> None:
    members, lots, gross = np.array([ONE, TWO, THREE]), np.array([7, 8]), np.array([10_000, 10_000])
    made = bids((7, ONE, 100, 1), (8, ONE, 100, 1), (7, TWO, 600, 1), (8, TWO, 601, 1), (7, THREE, 0, 1))

    def junior(percent: int) -> list[bool]:
        found = find_junior(bids=made, members=members, lots=lots, gross_minor=gross, tolerance_percent=percent)
        return [bool(one) for one in found]

    assert junior(6) == [False, False, True]
    assert junior(5) == [False, True, True]
    none = find_junior(bids=bids(), members=members, lots=lots, gross_minor=gross, tolerance_percent=5)
    assert none.all()
