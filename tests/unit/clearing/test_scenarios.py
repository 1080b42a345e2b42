"""Historical and filtered scenarios against loops that say what is meant."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearing.core.refusals import (
    HistoryTooShort,
    NotFinite,
    ParameterOutOfRange,
    PriceGap,
    PriceNotPositive,
    VolatilityZero,
)
from clearing.core.scenarios import build_scenarios, compound_returns, filtered_returns, simple_returns


def walk(days: int, instruments: int, seed: int = 1) -> np.ndarray:
    moves = np.random.default_rng(seed).standard_t(4, size=(days, instruments)) * 0.012
    return 100.0 * np.exp(np.cumsum(moves, axis=0))


def naive_filter(returns: list[float], decay: float, seed_days: int) -> list[float]:
    """The definition with its own numbering, t from 1."""
    mean = math.fsum(returns[:seed_days]) / seed_days
    seed = math.fsum((r - mean) ** 2 for r in returns[:seed_days]) / seed_days
    variance = dict.fromkeys(range(1, seed_days + 1), seed)
    for t in range(seed_days, len(returns) + 1):
        variance[t + 1] = decay * variance[t] + (1 - decay) * returns[t - 1] ** 2
    tomorrow = variance[len(returns) + 1]
    return [r * math.sqrt(tomorrow / variance[t]) for t, r in enumerate(returns, start=1)]


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_simple_returns_overlap(horizon: int) -> None:
    prices = walk(30, 2)
    expected = [
        [prices[t + horizon, i] / prices[t, i] - 1 for i in range(2)] for t in range(30 - horizon)
    ]  # fmt: skip
    found = simple_returns(prices=prices, horizon_days=horizon)
    assert found == pytest.approx(np.array(expected), abs=1e-15)
    assert compound_returns(returns=simple_returns(prices=prices, horizon_days=1), horizon_days=horizon) == (
        pytest.approx(found, abs=1e-14)
    )


@settings(deadline=None)
@given(days=st.integers(60, 150), later=st.integers(0, 40), decay=st.floats(0.5, 0.999), seed=st.integers(0, 2**32 - 1))
def test_the_filter_is_its_definition_and_each_column_has_its_own_history(
    days: int, later: int, decay: float, seed: int
) -> None:
    returns = np.random.default_rng(seed).normal(size=(days + later, 2)) * 0.02
    returns[:later, 1] = np.nan
    found = filtered_returns(returns=returns, decay=decay)
    assert found[:, 0] == pytest.approx(naive_filter(returns[:, 0].tolist(), decay, 60), rel=1e-9)
    assert found[later:, 1] == pytest.approx(naive_filter(returns[later:, 1].tolist(), decay, 60), rel=1e-9)
    assert np.isnan(found[:later, 1]).all()


def test_filtered_scenarios_are_on_common_days_but_filtered_over_each_history() -> None:
    prices = walk(300, 2)
    prices[:120, 1] = np.nan
    one_day = prices[1:] / prices[:-1] - 1
    first = naive_filter(one_day[:, 0].tolist(), 0.97, 60)
    second = naive_filter(one_day[120:, 1].tolist(), 0.97, 60)
    found = build_scenarios(prices=prices, method="fhs", lookback=100, horizon_days=1)
    assert found[:, 0] == pytest.approx(first[-100:], rel=1e-9)
    assert found[:, 1] == pytest.approx(second[-100:], rel=1e-9)
    two = build_scenarios(prices=prices, method="fhs", lookback=100, horizon_days=2)
    expected = [(1 + a) * (1 + b) - 1 for a, b in itertools.pairwise(first)]
    assert two[:, 0] == pytest.approx(expected[-100:], rel=1e-9)


def test_historical_scenarios_are_the_last_common_ones() -> None:
    prices = walk(50, 3)
    prices[:20, 2] = np.nan
    found = build_scenarios(prices=prices, method="hs", lookback=28, horizon_days=2)
    assert found == pytest.approx((prices[2:] / prices[:-2] - 1)[20:], abs=1e-15)
    for method in ("hs", "fhs"):
        with pytest.raises(HistoryTooShort):
            build_scenarios(prices=prices, method=method, lookback=29, horizon_days=2)


def test_a_price_that_never_moves_gives_zero_and_one_that_moves_late_is_refused() -> None:
    prices = walk(200, 2)
    prices[:, 1] = 1.0
    assert not build_scenarios(prices=prices, method="fhs", lookback=100, horizon_days=1)[:, 1].any()
    prices[150:, 1] = 1.1
    with pytest.raises(VolatilityZero, match="Row 150, column 2"):
        build_scenarios(prices=prices, method="fhs", lookback=100, horizon_days=1)


@pytest.mark.parametrize(
    ("price", "refusal", "where"),
    [(0.0, PriceNotPositive, "Row 8, column 2: a price of 0.0"), (-1.0, PriceNotPositive, "Row 8, column 2"),
     (np.inf, NotFinite, "Row 8, column 2"), (np.nan, PriceGap, "Row 8, column 2")],
)  # fmt: skip
def test_bad_prices_are_refused_with_their_place(price: float, refusal: type[Exception], where: str) -> None:
    prices = walk(20, 2)
    prices[7, 1] = price
    with pytest.raises(refusal, match=where):
        simple_returns(prices=prices, horizon_days=1)


def test_parameters_out_of_range_are_refused() -> None:
    prices = walk(100, 1)
    for wrong in (0, -1):
        with pytest.raises(ParameterOutOfRange):
            simple_returns(prices=prices, horizon_days=wrong)
        with pytest.raises(ParameterOutOfRange):
            build_scenarios(prices=prices, method="hs", lookback=wrong, horizon_days=1)
    returns = simple_returns(prices=prices, horizon_days=1)
    for decay in (0.0, 1.0, math.nan):
        with pytest.raises(ParameterOutOfRange):
            filtered_returns(returns=returns, decay=decay)
    with pytest.raises(HistoryTooShort, match="59 returns; the filter needs 60"):
        filtered_returns(returns=returns[:59])
    returns[70] = np.nan
    with pytest.raises(NotFinite, match="Row 71"):
        filtered_returns(returns=returns)
