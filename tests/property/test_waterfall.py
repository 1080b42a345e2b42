"""The waterfall conserves money, respects its order, and takes from nobody more than it has."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clearing.core.auction import NO_BID, SealedBids, pick_winners
from clearing.core.waterfall import Resources, Waterfall, allocate_loss, share_pro_rata

amounts = st.integers(0, 2**55) | st.integers(0, 50)


@st.composite
def situations(draw: st.DrawFn) -> tuple[int, Resources]:
    """Return a loss and what there is to bear it."""
    count = draw(st.integers(0, 7))
    lists: Any = st.lists(amounts, min_size=count, max_size=count)
    found = Resources(
        defaulter_margin_minor=draw(amounts),
        defaulter_fund_minor=draw(amounts),
        skin_minor=draw(amounts),
        contributions_minor=np.array(draw(lists), dtype=np.int64),
        junior=np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=np.bool_),
        assessable_minor=np.array(draw(lists), dtype=np.int64),
        equity_minor=draw(amounts),
    )
    return draw(st.integers(-(2**40), 2**58) | st.integers(-5, 300)), found


def totals(found: Waterfall) -> list[tuple[int, int]]:
    """Return (used, available) of each layer."""
    return [(sum(use.used_minor.tolist()), sum(use.available_minor.tolist())) for use in found.uses]


@given(situation=situations())
def test_money_is_conserved(situation: tuple[int, Resources]) -> None:
    loss, there = situation
    found = allocate_loss(loss_minor=loss, resources=there)
    used = sum(used for used, _ in totals(found))
    assert used + found.uncovered_minor == max(loss, 0)
    own = there.defaulter_margin_minor + there.defaulter_fund_minor
    borne = totals(found)[0][0] + totals(found)[1][0]
    assert found.surplus_minor == own - borne - min(loss, 0)


@given(situation=situations())
def test_order_and_caps_are_respected(situation: tuple[int, Resources]) -> None:
    found = allocate_loss(loss_minor=situation[0], resources=situation[1])
    for use in found.uses:
        assert (use.used_minor >= 0).all()
        assert (use.used_minor <= use.available_minor).all()
    for (above_used, above_available), (below_used, _) in zip(totals(found), totals(found)[1:], strict=False):
        assert below_used == 0 or above_used == above_available
    if found.uncovered_minor:
        assert all(used == available for used, available in totals(found))


@given(weights=st.lists(amounts, max_size=9), data=st.data())
def test_a_pro_rata_share_is_within_one_unit_of_exact(weights: list[int], data: st.DataObject) -> None:
    total = sum(weights)
    amount = data.draw(st.integers(0, total))
    shares = share_pro_rata(amount_minor=amount, weights=np.array(weights, dtype=np.int64)).tolist()
    assert sum(shares) == amount
    assert all(
        abs(share * total - amount * weight) < max(total, 1) for share, weight in zip(shares, weights, strict=True)
    )


@given(
    rows=st.lists(
        st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(-20, 20), st.integers(0, 5)), max_size=25
    ),
    reserve=st.none() | st.integers(-20, 20),
)
def test_no_standing_bid_is_better_than_the_winner(rows: list[tuple[int, int, int, int]], reserve: int | None) -> None:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    lots = np.array([1, 2, 3])
    found = pick_winners(
        bids=SealedBids(*(column.copy() for column in columns)), lots=lots, reserves_minor=[reserve] * 3
    )
    for lot, place in zip(lots.tolist(), found.tolist(), strict=True):
        last = {row[1]: (row[2], row[3], number) for number, row in enumerate(rows) if row[0] == lot}
        allowed = [value for value in last.values() if reserve is None or value[0] <= reserve]
        assert place == (min(allowed)[2] if allowed else NO_BID)
