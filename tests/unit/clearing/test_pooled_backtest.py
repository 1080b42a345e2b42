"""Backtests of many portfolios together, and what is said of them."""

import numpy as np
import pytest

from clearing.core.pooled_backtest import PooledBacktest, explain, pool_backtest


def pool(breaches: list[list[int]], confidence: float = 0.99) -> PooledBacktest:
    """Pool portfolios of so many days each: 1 is a loss of 15 against a margin of 10, 0 one of 10."""
    flat = np.array([flag for days in breaches for flag in days])
    portfolio = np.repeat(np.arange(len(breaches)), [len(days) for days in breaches])
    return pool_backtest(
        portfolio=portfolio,
        margin_minor=np.full(len(flat), 10),
        pnl_minor=np.where(flat, -15, -10),
        confidence=confidence,
    )


def test_the_published_figures() -> None:
    # 1,043 days, 57 breaches at 95 %, transitions 932, 53, 53 and 4: breaches alone or in pairs, calm at both ends.
    days = [0]
    for pair in range(53):
        days += [1, 1] if pair < 4 else [1]
        days.append(0)
    days += [0] * (1043 - len(days))
    result = pool([days], confidence=0.95)
    counts = result.christoffersen
    assert (counts.calm_calm, counts.calm_breach, counts.breach_calm, counts.breach_breach) == (932, 53, 53, 4)
    assert (result.days, result.breaches) == (1043, 57)
    assert result.kupiec.likelihood_ratio == pytest.approx(0.46147, abs=5e-6)
    assert result.kupiec.p_value == pytest.approx(0.49694, abs=5e-6)
    assert result.christoffersen.likelihood_ratio == pytest.approx(0.25866, abs=5e-6)
    assert result.joint_likelihood_ratio == pytest.approx(0.72013, abs=5e-6)


def test_no_transition_leads_from_one_portfolio_to_another() -> None:
    counts = pool([[0, 1], [1, 0]]).christoffersen
    assert (counts.calm_calm, counts.calm_breach, counts.breach_calm, counts.breach_breach) == (0, 1, 1, 0)


def test_losses_beyond_margin() -> None:
    result = pool_backtest(
        portfolio=np.zeros(4, np.int64),
        margin_minor=np.array([10, 20, 30, 0]),
        pnl_minor=np.array([-11, -20, -37, 5]),
        confidence=0.99,
    )
    assert (result.breaches, result.shortfall_minor, result.worst_minor, result.average_shortfall_minor) == (2, 8, 7, 4)
    assert (result.peak_minor, result.trough_minor, result.coverage) == (30, 0, 0.5)


@pytest.mark.parametrize(
    ("breaches", "horizon", "words"),
    [
        ([0] * 250, 1, "Over-margined: 0 breaches in 250 days, 2.5 expected. Fewer breaches than chance explains;"
         " margin is more than was aimed at."),
        ([0] * 90, 1, "Too few days to judge: 0 breaches in 90 days, 0.90 expected; margin covered 100.0 % of them."),
        ([1], 1, "Under-margined: 1 breach in 1 day, 0.01 expected. More breaches than chance explains; the model asks"
         " for too little."),
        ([1] + [0] * 80 + [1] + [0] * 118, 1, "As aimed at: 2 breaches in 200 days, 2.0 expected; margin covered"
         " 99.0 % of them."),
        ([0] * 99 + [1, 1] + [0] * 99, 1, "As aimed at: 2 breaches in 200 days, 2.0 expected; margin covered 99.0 % of"
         " them. Breaches come one after another: margin rises too late when markets turn."),
        ([0] * 99 + [1, 1] + [0] * 99, 2, "As aimed at: 2 breaches in 200 days, 2.0 expected; margin covered 99.0 % of"
         " them. Breaches come in runs, as results over 2 days that overlap do."),
    ],
)  # fmt: skip
def test_plain_words(breaches: list[int], horizon: int, words: str) -> None:
    assert explain(result=pool([breaches]), horizon_days=horizon) == words


def test_zero_breaches_in_250_days_fail_the_two_sided_test() -> None:
    assert pool([[0] * 250]).kupiec.likelihood_ratio == pytest.approx(5.03, abs=0.005)
