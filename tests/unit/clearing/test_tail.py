"""Value at risk and expected shortfall: the pinned convention, and what must hold of it for any losses."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clearing.core.refusals import ConfidenceOutOfRange, HistoryTooShort, NotFinite, ShapesDiffer
from clearing.core.tail import (
    count_tail,
    expected_shortfall,
    measure_accounts,
    tail_of_accounts,
    value_at_risk,
)

AMOUNTS = st.floats(-1e6, 1e6, allow_nan=False, width=32)
CONFIDENCES = st.sampled_from([0.5, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999])
LOSSES = st.integers(1, 60).flatmap(lambda n: arrays(np.float64, n, elements=AMOUNTS))


def naive(losses: list[float], confidence: float) -> tuple[float, float]:
    """The definition, word by word, with the count in exact fractions."""
    tail = math.ceil((1 - Fraction(str(confidence))) * len(losses))
    worst = sorted(losses, reverse=True)[:tail]
    return worst[-1], math.fsum(worst) / tail


def test_losses_1_to_1000_at_99_percent() -> None:
    losses = np.random.default_rng(4).permutation(np.arange(1.0, 1001.0))
    assert value_at_risk(losses=losses, confidence=0.99) == 991.0
    assert expected_shortfall(losses=losses, confidence=0.99) == 995.5


@pytest.mark.parametrize("confidence", ["0.9", "0.95", "0.975", "0.99", "0.995", "0.999", "0.9973"])
def test_the_tail_is_counted_as_fractions_count_it(confidence: str) -> None:
    for observations in range(1, 3_000):
        exact = math.ceil((1 - Fraction(confidence)) * observations)
        assert count_tail(observations=observations, confidence=float(confidence)) == exact, observations


@given(losses=LOSSES, confidence=CONFIDENCES)
def test_it_is_the_definition(losses: np.ndarray, confidence: float) -> None:
    var, shortfall = naive(losses.tolist(), confidence)
    assert value_at_risk(losses=losses, confidence=confidence) == var
    assert expected_shortfall(losses=losses, confidence=confidence) == pytest.approx(shortfall, rel=1e-9, abs=1e-6)
    assert var <= expected_shortfall(losses=losses, confidence=confidence) + 1e-6


@given(pair=st.integers(1, 60).flatmap(lambda n: arrays(np.float64, (2, n), elements=AMOUNTS)), confidence=CONFIDENCES)
def test_expected_shortfall_is_subadditive(pair: np.ndarray, confidence: float) -> None:
    together = expected_shortfall(losses=pair.sum(axis=0), confidence=confidence)
    apart = sum(expected_shortfall(losses=each, confidence=confidence) for each in pair)
    assert together <= apart + 1e-6


def test_value_at_risk_is_not_subadditive() -> None:
    """What sets the two apart: two rare losses that never meet."""
    one, other = np.zeros(100), np.zeros(100)
    one[0] = other[1] = 100.0
    var = [value_at_risk(losses=losses, confidence=0.99) for losses in (one, other, one + other)]
    assert var == [100.0, 100.0, 100.0]
    var = [value_at_risk(losses=losses, confidence=0.98) for losses in (one, other, one + other)]
    assert var == [0.0, 0.0, 100.0]
    es = [expected_shortfall(losses=losses, confidence=0.98) for losses in (one, other, one + other)]
    assert es == [50.0, 50.0, 100.0]


@given(losses=LOSSES, confidence=CONFIDENCES, factor=st.floats(0.0, 1e3), cash=AMOUNTS)
def test_both_scale_and_shift_with_the_losses(
    losses: np.ndarray, confidence: float, factor: float, cash: float
) -> None:
    for measure in (value_at_risk, expected_shortfall):
        once = measure(losses=losses, confidence=confidence)
        moved = measure(losses=losses * factor + cash, confidence=confidence)
        assert moved == pytest.approx(once * factor + cash, rel=1e-9, abs=1e-3)


@given(
    accounts=st.integers(1, 7), instruments=st.integers(1, 5), observations=st.integers(1, 40),
    confidence=CONFIDENCES, seed=st.integers(0, 2**32 - 1), block=st.integers(1, 200),
)  # fmt: skip
def test_accounts_in_blocks_are_accounts_one_by_one(
    accounts: int, instruments: int, observations: int, confidence: float, seed: int, block: int
) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(accounts, instruments)) * 1e6
    scenarios = random.normal(size=(observations, instruments)) * 0.02
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clearing.core.tail._BLOCK_NUMBERS", block)
        var, shortfall = measure_accounts(values=values, scenarios=scenarios, confidence=confidence)
        margins = {
            measure: tail_of_accounts(values=values, scenarios=scenarios, confidence=confidence, measure=measure)
            for measure in ("es", "var")
        }
    for account in range(accounts):
        losses = [-sum(r * v for r, v in zip(row, values[account], strict=True)) for row in scenarios]
        expected = naive(losses, confidence)
        assert (var[account], shortfall[account]) == pytest.approx(expected, rel=1e-9, abs=1e-6)
        assert margins["var"][account] == pytest.approx(max(expected[0], 0.0), rel=1e-9, abs=1e-6)
        assert margins["es"][account] == pytest.approx(max(expected[1], 0.0), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 99.0, -0.5, math.nan, math.inf])
def test_a_confidence_out_of_range_is_refused(confidence: float) -> None:
    with pytest.raises(ConfidenceOutOfRange, match="strictly between 0 and 1"):
        value_at_risk(losses=np.ones(10), confidence=confidence)


def test_what_is_no_number_is_refused_with_its_place() -> None:
    with pytest.raises(NotFinite, match="Loss 3"):
        expected_shortfall(losses=np.array([1.0, 2.0, np.nan]), confidence=0.99)
    values, scenarios = np.ones((2, 3)), np.full((5, 3), 0.01)
    for wrong in (np.nan, np.inf):
        spoilt = scenarios.copy()
        spoilt[4, 1] = wrong
        with pytest.raises(NotFinite, match="scenario 5, instrument 2"):
            measure_accounts(values=values, scenarios=spoilt, confidence=0.99)
    values[1, 2] = np.nan
    with pytest.raises(NotFinite, match="value of account 2, instrument 3"):
        measure_accounts(values=values, scenarios=scenarios, confidence=0.99)
    with pytest.raises(HistoryTooShort):
        measure_accounts(values=np.ones((2, 3)), scenarios=np.empty((0, 3)), confidence=0.99)
    with pytest.raises(ShapesDiffer):
        measure_accounts(values=np.ones((2, 3)), scenarios=np.ones((5, 4)), confidence=0.99)
