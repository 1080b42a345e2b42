"""Allocation by hand, and to the last unit and cent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trades.core.allocation import (
    Allocation,
    AllocationEmpty,
    AllocationNotPositive,
    AllocationNotWhole,
    Block,
    PercentagesNotHundred,
    allocate_by_percentage,
    allocate_by_quantity,
    allocate_pro_rata,
    average_price,
    sum_fills,
)

# 1,000 units in three fills: 300 at 10.00, 500 at 10.01, 200 at 10.03.
BLOCK = sum_fills(fills=[Block(300, 300_000, 90), Block(500, 500_500, 150), Block(200, 200_600, 61)])


def test_the_average_price_is_of_all_fills() -> None:
    assert Block(1_000, 1_001_100, 301) == BLOCK
    assert average_price(block=BLOCK, minor_digits=2) == Decimal("10.011000")
    assert average_price(block=Block(3, 100), minor_digits=2) == Decimal("0.333333")
    assert average_price(block=Block(3, 100), minor_digits=0, digits=2) == Decimal("33.33")


def test_by_quantity_each_pays_the_average_to_the_cent() -> None:
    """10.011 × 333 is 3,333.663 and 10.011 × 334 is 3,343.674: the cent left over is C's, .4 against .3."""
    assert allocate_by_quantity(block=BLOCK, quantities={"A": 333, "B": 333, "C": 334}) == (
        Allocation("A", 333, 333_366, 100),
        Allocation("B", 333, 333_366, 100),
        Allocation("C", 334, 334_368, 101),
    )


def test_by_percentage_the_odd_unit_goes_to_the_largest_remainder() -> None:
    """Of 10 units: 3.35, 3.35, 3.3. The tenth goes to A, before B with the same remainder."""
    found = allocate_by_percentage(
        block=Block(10, 1_000, 0), percentages={"A": Decimal("33.5"), "B": Decimal("33.5"), "C": Decimal(33)}
    )
    assert [part.quantity_units for part in found] == [4, 3, 3]
    assert [part.amount_minor for part in found] == [400, 300, 300]


def test_pro_rata_by_what_each_ordered() -> None:
    found = allocate_pro_rata(block=Block(100, 12_345, 7), weights={"A": 500, "B": 300, "C": 1})
    # 62.42, 37.45 and 0.12: the unit left over goes to B.
    assert [part.quantity_units for part in found] == [62, 38, 0]
    assert [part.amount_minor for part in found] == [7_654, 4_691, 0]
    assert [part.fee_minor for part in found] == [4, 3, 0]


def test_what_does_not_add_up_is_refused() -> None:
    with pytest.raises(AllocationNotWhole, match="999 units are allocated of a block of 1000"):
        allocate_by_quantity(block=BLOCK, quantities={"A": 999})
    with pytest.raises(AllocationNotWhole):
        allocate_by_quantity(block=BLOCK, quantities={"A": 999, "B": 2})
    thirds = {name: Decimal("33.333333") for name in "ABC"}
    with pytest.raises(PercentagesNotHundred):
        allocate_by_percentage(block=BLOCK, percentages=thirds)
    with pytest.raises(AllocationEmpty):
        allocate_pro_rata(block=BLOCK, weights={})
    with pytest.raises(AllocationEmpty):
        allocate_pro_rata(block=Block(0, 0), weights={"A": 1})
    for weight in (0, -1):
        with pytest.raises(AllocationNotPositive):
            allocate_pro_rata(block=BLOCK, weights={"A": 1, "B": weight})
    for odd in ("NaN", "Infinity", "-5"):
        with pytest.raises(AllocationNotPositive):
            allocate_by_percentage(block=BLOCK, percentages={"A": Decimal(100), "B": Decimal(odd)})


@given(
    block=st.builds(Block, st.integers(1, 2**63 - 1), st.integers(0, 2**63 - 1), st.integers(-(10**9), 10**9)),
    weights=st.lists(st.integers(1, 10**12), min_size=1, max_size=12),
)
def test_the_parts_are_the_whole_and_nobody_is_off_by_one(block: Block, weights: list[int]) -> None:
    found = allocate_pro_rata(block=block, weights={str(place): weight for place, weight in enumerate(weights)})
    assert sum_fills(fills=[Block(p.quantity_units, p.amount_minor, p.fee_minor) for p in found]) == block
    for part, weight in zip(found, weights, strict=True):
        assert abs(part.quantity_units * sum(weights) - block.quantity_units * weight) < sum(weights)
        exact_off = abs(part.amount_minor * block.quantity_units - block.amount_minor * part.quantity_units)
        assert exact_off < block.quantity_units, "less than a cent from the average price"
