"""Backtests: the worked likelihood ratios, and rolling margins against the model run day by day."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.core.backtest import (
    Verdict,
    backtest_margins,
    chi_square_survival,
    christoffersen,
    christoffersen_of_counts,
    kupiec,
)
from clearing.core.refusals import (
    ConfidenceOutOfRange,
    HistoryTooShort,
    NotFinite,
    ParameterOutOfRange,
    ShapesDiffer,
)
from clearing.core.rolling import roll_margins
from clearing.core.scenarios import Method, build_scenarios
from clearing.core.tail import Measure, tail_of_accounts


def test_the_worked_figures_of_kupiec() -> None:
    found = kupiec(observations=1043, breaches=57, confidence=0.95)
    assert (round(found.likelihood_ratio, 5), round(found.p_value, 5)) == (0.46147, 0.49694)
    assert found.verdict is Verdict.ACCEPTED
    assert found.expected == pytest.approx(52.15)


def test_the_worked_figures_of_christoffersen() -> None:
    found = christoffersen_of_counts(calm_calm=932, calm_breach=53, breach_calm=53, breach_breach=4)
    assert round(found.likelihood_ratio, 5) == 0.25866
    frequency = kupiec(observations=1043, breaches=57, confidence=0.95)
    assert round(frequency.likelihood_ratio + found.likelihood_ratio, 5) == 0.72013


def test_the_worked_figures_hold_from_the_days_on() -> None:
    """57 breaches in 1,043 days of which four follow another: the same figures through the whole backtest."""
    days = np.zeros(1043, np.bool_)
    singles = 5 + 18 * np.arange(53)
    days[singles] = True
    days[singles[:4] + 1] = True
    result = backtest_margins(margins=np.ones(1043), losses=np.where(days, 1.5, 1.0), confidence=0.95)
    found = result.christoffersen
    assert (found.calm_calm, found.calm_breach, found.breach_calm, found.breach_breach) == (932, 53, 53, 4)
    assert round(result.joint_likelihood_ratio, 5) == 0.72013
    assert result.joint_p_value == pytest.approx(math.exp(-0.72013 / 2), abs=1e-5)
    assert result.worst_breach == 0.5
    assert result.coverage == pytest.approx(1 - 57 / 1043)


def test_no_breach_in_250_days_is_over_margined() -> None:
    found = kupiec(observations=250, breaches=0, confidence=0.99)
    assert round(found.likelihood_ratio, 2) == 5.03
    assert found.verdict is Verdict.OVER_MARGINED
    assert kupiec(observations=250, breaches=9, confidence=0.99).verdict is Verdict.UNDER_MARGINED
    assert kupiec(observations=250, breaches=250, confidence=0.99).verdict is Verdict.UNDER_MARGINED
    calm = christoffersen(breaches=np.zeros(250, np.bool_))
    assert (calm.calm_calm, calm.likelihood_ratio, calm.p_value) == (249, 0.0, 1.0)


def test_critical_values_of_chi_square() -> None:
    assert chi_square_survival(value=3.8415, degrees=1) == pytest.approx(0.05, abs=1e-5)
    assert chi_square_survival(value=5.9915, degrees=2) == pytest.approx(0.05, abs=1e-5)
    with pytest.raises(ParameterOutOfRange):
        chi_square_survival(value=1.0, degrees=3)


@given(observations=st.integers(1, 5_000), share=st.floats(0, 1), confidence=st.floats(0.5, 0.9999))
def test_kupiec_is_the_ratio_of_two_binomial_likelihoods(observations: int, share: float, confidence: float) -> None:
    breaches = round(observations * share)

    def likelihood(rate: float) -> float:
        parts = ((observations - breaches, 1 - rate), (breaches, rate))
        return sum(count * math.log(chance) for count, chance in parts if count)

    expected = -2 * likelihood(1 - confidence) + 2 * likelihood(breaches / observations)
    found = kupiec(observations=observations, breaches=breaches, confidence=confidence)
    assert found.likelihood_ratio == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert 0.0 <= found.p_value <= 1.0


@given(days=st.lists(st.booleans(), min_size=2, max_size=80))
def test_transitions_are_counted_in_order(days: list[bool]) -> None:
    found = christoffersen(breaches=np.array(days))
    pairs = list(itertools.pairwise(days))
    assert [found.calm_calm, found.calm_breach, found.breach_calm, found.breach_breach] == [
        pairs.count(pair) for pair in ((False, False), (False, True), (True, False), (True, True))
    ]
    assert found.likelihood_ratio >= 0.0


@pytest.mark.parametrize("method", ["hs", "fhs"])
@pytest.mark.parametrize("measure", ["es", "var"])
@pytest.mark.parametrize("horizon", [1, 2, 3])
def test_rolling_margins_are_the_model_run_every_day_on_what_was_known(
    method: Method, measure: Measure, horizon: int
) -> None:
    random = np.random.default_rng(11)
    prices = 50.0 * np.exp(np.cumsum(random.standard_t(3, size=(420, 3)) * 0.01, axis=0))
    prices[:70, 1] = np.nan
    values = np.array([1e6, -4e5, 2e5])
    lookback, confidence = 100, 0.97
    found = roll_margins(
        prices=prices, values=values, method=method, measure=measure, confidence=confidence, lookback=lookback,
        horizon_days=horizon,
    )  # fmt: skip
    first = 70 + lookback + horizon - 1
    assert found.row.tolist() == list(range(first, 420 - horizon))
    for row, margin, loss in zip(found.row, found.margin, found.loss, strict=True):
        scenarios = build_scenarios(prices=prices[: row + 1], method=method, lookback=lookback, horizon_days=horizon)
        expected = tail_of_accounts(values=values[None], scenarios=scenarios, confidence=confidence, measure=measure)[0]
        assert margin == pytest.approx(expected, rel=1e-9)
        assert loss == pytest.approx(-(prices[row + horizon] / prices[row] - 1) @ values, rel=1e-9, abs=1e-6)


def test_no_filtered_day_is_tested_before_the_seed_is_over() -> None:
    prices = 50.0 * np.exp(np.cumsum(np.random.default_rng(2).normal(size=(100, 1)) * 0.01, axis=0))
    for method, first in (("hs", 20), ("fhs", 60)):
        found = roll_margins(
            prices=prices, values=np.ones(1), method=method, measure="es",  # type: ignore[arg-type]
            confidence=0.95, lookback=20, horizon_days=1,
        )  # fmt: skip
        assert found.row[0] == first


def test_too_little_or_broken_is_refused() -> None:
    prices = np.linspace(1.0, 2.0, 30)[:, None]
    model = {"values": np.ones(1), "method": "hs", "measure": "es", "confidence": 0.9, "horizon_days": 2}
    assert len(roll_margins(prices=prices, lookback=26, **model).margin) == 1  # type: ignore[arg-type]
    with pytest.raises(HistoryTooShort, match="28 common returns"):
        roll_margins(prices=prices, lookback=27, **model)  # type: ignore[arg-type]
    with pytest.raises(ShapesDiffer):
        backtest_margins(margins=np.ones(3), losses=np.ones(4), confidence=0.9)
    with pytest.raises(NotFinite):
        backtest_margins(margins=np.ones(3), losses=np.array([1.0, np.nan, 1.0]), confidence=0.9)
    with pytest.raises(ConfidenceOutOfRange):
        kupiec(observations=10, breaches=1, confidence=1.0)
    with pytest.raises(ParameterOutOfRange):
        kupiec(observations=10, breaches=11, confidence=0.9)
    with pytest.raises(HistoryTooShort):
        kupiec(observations=0, breaches=0, confidence=0.9)
    with pytest.raises(HistoryTooShort):
        christoffersen(breaches=np.ones(1, np.bool_))
