"""The waterfall: a worked example to the cent, its order, its caps, its surplus."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clearing.core.waterfall import (
    Layer,
    NegativeResources,
    Resources,
    allocate_loss,
    cap_assessments,
    share_pro_rata,
)


def resources(**changes: Any) -> Resources:
    """1,000.00 of margin, 200.00 and 100.00 of its fund and the CCP's own; three survivors; equity of 500.00."""
    values: dict[str, Any] = {
        "defaulter_margin_minor": 100_000,
        "defaulter_fund_minor": 20_000,
        "skin_minor": 10_000,
        "contributions_minor": np.array([30_000, 20_000, 10_000], dtype=np.int64),
        "junior": np.zeros(3, dtype=np.bool_),
        "assessable_minor": np.array([60_000, 40_000, 20_000], dtype=np.int64),
        "equity_minor": 50_000,
    }
    return Resources(**(values | changes))


@pytest.mark.parametrize(
    ("loss", "expected", "surplus", "uncovered"),
    [
        # 999.99: the margin bears it, and a cent of it and the whole fund contribution go back to the estate.
        (99_999, [[99_999], [0], [0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0]], 20_001, 0),
        # 1,300.01: one cent reaches the survivors; equal remainders are none, the largest weight has 30,000/60,000.
        (130_001, [[100_000], [20_000], [10_000], [0, 0, 0], [1, 0, 0], [0, 0, 0], [0]], 0, 0),
        # 1,400.00: 100.00 of the survivors, 3 : 2 : 1; 33.333 and 16.667 round by remainder.
        (140_000, [[100_000], [20_000], [10_000], [0, 0, 0], [5_000, 3_333, 1_667], [0, 0, 0], [0]], 0, 0),
        # 2,500.00: the fund is gone, 600.00 is assessed.
        (
            250_000,
            [[100_000], [20_000], [10_000], [0, 0, 0], [30_000, 20_000, 10_000], [30_000, 20_000, 10_000], [0]],
            0,
            0,
        ),
        # 4,000.00: everything is gone, and 300.00 nobody bears.
        (
            400_000,
            [[100_000], [20_000], [10_000], [0, 0, 0], [30_000, 20_000, 10_000], [60_000, 40_000, 20_000], [50_000]],
            0,
            40_000,
        ),
        (0, [[0], [0], [0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0]], 120_000, 0),
        # Closing out brought 50.00: they are the estate's.
        (-5_000, [[0], [0], [0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0]], 125_000, 0),
    ],
)
def test_worked_example(loss: int, expected: list[list[int]], surplus: int, uncovered: int) -> None:
    found = allocate_loss(loss_minor=loss, resources=resources())
    assert [use.used_minor.tolist() for use in found.uses] == expected
    assert [use.layer for use in found.uses] == list(Layer)
    assert (found.surplus_minor, found.uncovered_minor) == (surplus, uncovered)


def test_junior_contributions_go_first() -> None:
    found = allocate_loss(loss_minor=145_000, resources=resources(junior=np.array([False, False, True])))
    assert found.used_of(layer=Layer.SURVIVOR_JUNIOR).tolist() == [0, 0, 10_000]
    assert found.used_of(layer=Layer.SURVIVOR_FUND).tolist() == [3_000, 2_000, 0]


def test_the_cap_of_assessments_counts_what_was_assessed_already() -> None:
    contributions = np.array([30_001, 20_000, 10_000], dtype=np.int64)
    capped = cap_assessments(
        contributions_minor=contributions, percent=150, assessed_minor=np.array([0, 5_000, 99_999])
    )
    assert capped.tolist() == [45_001, 25_000, 0]


def test_shares_of_large_amounts_do_not_overflow() -> None:
    weights = np.array([2**60, 2**60, 1], dtype=np.int64)
    assert share_pro_rata(amount_minor=2**61, weights=weights).tolist() == [2**60, 2**60 - 1, 1]


@pytest.mark.parametrize("changes", [{"skin_minor": -1}, {"junior": np.zeros(2, dtype=np.bool_)}])
def test_resources_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(NegativeResources):
        allocate_loss(loss_minor=1, resources=resources(**changes))
    with pytest.raises(NegativeResources):
        share_pro_rata(amount_minor=4, weights=np.array([1, 2]))
