"""Cover-2, the fund's size and its parts."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clearing.core.refusals import FundTooSmall, NotFinite, ParameterOutOfRange, ShapesDiffer
from clearing.core.stress import CoverTwo, allocate_pro_rata, cover_two, size_fund


def test_the_two_largest_are_added_up_in_each_scenario() -> None:
    found = cover_two(losses=[[90, 0, 40], [0, 70, 50], [60, 60, 0]])
    assert found == CoverTwo(amount=130, scenario=0, groups=(0, 2), largest=90, default_fund_least=90)


def test_the_second_and_third_may_be_more_than_the_largest() -> None:
    assert cover_two(losses=[[50, 40, 30]]).default_fund_least == 70
    assert cover_two(losses=[[50, 40, 5], [0, 0, 49]]).default_fund_least == 50


def test_gains_cover_no_losses() -> None:
    assert cover_two(losses=[[-5, 7, -9]]) == CoverTwo(7, 0, (1,), 7, 7)
    assert cover_two(losses=[[-5]]) == CoverTwo(0, 0, (), 0, 0)
    with pytest.raises(NotFinite, match="scenario 1, group 2"):
        cover_two(losses=[[1.0, np.nan]])
    empty: Any
    for empty in ([], [[]], [1.0, 2.0]):
        with pytest.raises(ShapesDiffer):
            cover_two(losses=empty)


@given(
    losses=st.tuples(st.integers(1, 8), st.integers(1, 7)).flatmap(
        lambda shape: arrays(np.int64, shape, elements=st.integers(-50, 10**12))
    )
)
def test_cover_two_is_the_worst_pair_of_any_scenario(losses: np.ndarray) -> None:
    table = [[max(loss, 0) for loss in row] for row in losses.tolist()]
    pairs = [max((a + b for a, b in combinations(row, 2)), default=row[0]) for row in table]
    found = cover_two(losses=losses)
    assert found.amount == max(pairs) == sum(table[found.scenario][group] for group in found.groups)
    assert found.scenario == pairs.index(max(pairs))
    ranked = [[*sorted(row, reverse=True), 0, 0] for row in table]
    assert found.default_fund_least == max(max(row[0], row[1] + row[2]) for row in ranked)
    assert found.largest == max(map(max, table))


def test_the_fund_covers_two_with_own_resources_and_the_larger_of_the_rest_without() -> None:
    assert size_fund(cover_two_minor=130, default_fund_least_minor=90) == 130
    assert size_fund(cover_two_minor=130, default_fund_least_minor=90, own_resources_minor=25) == 105
    assert size_fund(cover_two_minor=130, default_fund_least_minor=90, own_resources_minor=60) == 90
    assert size_fund(cover_two_minor=101, default_fund_least_minor=0, buffer=0.1) == 112
    assert size_fund(cover_two_minor=10, default_fund_least_minor=0, least_minor=500) == 500
    with pytest.raises(ParameterOutOfRange):
        size_fund(cover_two_minor=-1, default_fund_least_minor=0)


def test_the_minimum_is_taken_first_and_the_rest_shared_again() -> None:
    parts = allocate_pro_rata(total_minor=1000, weights=np.array([7, 3, 0, 1, 1]), least_minor=100)
    assert parts.tolist() == [490, 210, 100, 100, 100]
    assert allocate_pro_rata(total_minor=100, weights=np.array([1, 1, 1])).tolist() == [34, 33, 33]
    assert allocate_pro_rata(total_minor=10, weights=np.zeros(4, np.int64)).tolist() == [3, 3, 2, 2]
    with pytest.raises(FundTooSmall, match="299 is less than 3 times the minimum of 100"):
        allocate_pro_rata(total_minor=299, weights=np.array([1, 1, 1]), least_minor=100)
    with pytest.raises(ShapesDiffer):
        allocate_pro_rata(total_minor=1, weights=np.zeros(0, np.int64))
    with pytest.raises(ParameterOutOfRange):
        allocate_pro_rata(total_minor=1, weights=np.array([1, -1]))


@given(
    total=st.integers(0, 2**62 - 1), weights=st.lists(st.integers(0, 2**62 - 1), min_size=1, max_size=40),
    share=st.floats(0, 1),
)  # fmt: skip
def test_parts_add_up_keep_the_minimum_and_the_order_of_weights(total: int, weights: list[int], share: float) -> None:
    least = int(total // len(weights) * share)
    parts = allocate_pro_rata(total_minor=total, weights=np.array(weights), least_minor=least).tolist()
    assert sum(parts) == total
    assert min(parts) >= least
    for one, other in combinations(range(len(weights)), 2):
        if weights[one] > weights[other]:
            assert parts[one] >= parts[other]
    above = [place for place, part in enumerate(parts) if part > least + 1]
    left, weight = sum(parts[place] for place in above), sum(weights[place] for place in above)
    for place in above:
        # Exact shares of what those above the minimum share, to within the units left over.
        assert abs(parts[place] * weight - weights[place] * left) <= weight * (len(weights) + 1)
