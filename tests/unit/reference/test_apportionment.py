"""The largest remainder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.core.apportionment import apportion


def test_units_left_over_go_to_the_largest_remainders_then_to_the_first() -> None:
    assert apportion(total=10, weights=[6, 5, 3]) == [4, 4, 2], "4.29, 3.57, 2.14"
    assert apportion(total=2, weights=[1, 1, 1]) == [1, 1, 0]
    assert apportion(total=-2, weights=[1, 1, 1]) == [-1, -1, 0]
    assert apportion(total=5, weights=[0, 1]) == [0, 5]


@pytest.mark.parametrize("weights", [[], [0, 0], [2, -1]])
def test_weights_that_cannot_share_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights are zero or more"):
        apportion(total=5, weights=weights)


@given(total=st.integers(-(2**70), 2**70), weights=st.lists(st.integers(0, 2**70), min_size=1).filter(any))
def test_nobody_is_a_unit_off(total: int, weights: list[int]) -> None:
    parts = apportion(total=total, weights=weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - total * weight) < sum(weights)
