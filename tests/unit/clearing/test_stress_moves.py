"""Scenario moves and what static portfolios lose in them."""

import numpy as np
import pytest

from clearing.core.refusals import NotFinite, ShapesDiffer
from clearing.core.stress_moves import Market, member_losses, portfolio_losses, scenario_moves, sum_groups

NAN = np.nan
# Securities: share A, share B, share fund (120 %), bond, one that follows nothing. Factors: shares 0, bonds 1.
MARKET = Market(factor=np.array([0, 0, 0, 1, -1]), sensitivity=np.array([1.0, 1.0, 1.2, 1.0, 1.0]))


def move(own: list[float], by_factor: list[float], by_security: list[float]) -> list[float]:
    """Return the moves of one scenario."""
    moves = scenario_moves(
        market=MARKET,
        own=np.array([own]),
        by_factor=np.array([by_factor]),
        by_security=np.array([by_security]),
        shares=0,
    )
    return [round(value, 6) for value in moves[0].tolist()]


def test_history_moves_shares_as_they_did_and_funds_as_the_average_share() -> None:
    assert move([-0.1, -0.3, NAN, NAN, NAN], [NAN, 0.01], [NAN] * 5) == [-0.1, -0.3, -0.24, 0.01, 0.0]


def test_a_share_that_did_not_trade_then_moves_as_the_average() -> None:
    assert move([-0.1, NAN, NAN, NAN, NAN], [NAN, NAN], [NAN] * 5) == [-0.1, -0.1, -0.12, 0.0, 0.0]


def test_an_assumed_move_of_one_security_counts_before_all_else() -> None:
    assert move([-0.1, NAN, NAN, NAN, NAN], [-0.2, NAN], [0.5, NAN, NAN, -0.4, NAN]) == [0.5, -0.2, -0.24, -0.4, 0.0]


def test_no_price_falls_by_more_than_all_of_it() -> None:
    assert move([NAN] * 5, [-0.9, -1.0], [NAN] * 5)[2] == -1.0


def test_shapes_are_checked() -> None:
    with pytest.raises(ShapesDiffer):
        scenario_moves(
            market=MARKET, own=np.zeros((2, 4)), by_factor=np.zeros((2, 2)), by_security=np.zeros((2, 4)), shares=0
        )


def test_losses_are_rounded_up_and_gains_down() -> None:
    moves = np.array([[-0.1, 0.05], [1 / 3, 0.0]])
    losses = portfolio_losses(
        moves=moves,
        security=np.array([0, 1, 0]),
        portfolio=np.array([0, 0, 1]),
        mark_minor=np.array([1_000, -200, -100]),
        portfolios=2,
    )
    # 1,000 × 10 % + 200 × 5 % = 110; a short of 100 gains 10. Then: a gain of 333.33 and a loss of 33.33.
    assert losses.tolist() == [[110, -10], [-333, 34]]
    with pytest.raises(NotFinite):
        portfolio_losses(
            moves=np.array([[NAN]]), security=np.array([0]), portfolio=np.array([0]), mark_minor=np.array([1]),
            portfolios=1,
        )  # fmt: skip


def test_neither_margin_nor_gain_of_one_client_covers_another() -> None:
    losses = np.array([[100, -80, 50], [10, 10, 90]])
    lost, beyond = member_losses(
        losses=losses, requirement_minor=np.array([60, 70, 40]), member=np.array([0, 0, 1]), members=2
    )
    assert lost.tolist() == [[20, 50], [20, 90]]
    assert beyond.tolist() == [[40, 10], [0, 50]]
    assert sum_groups(uncovered=beyond, group=np.array([0, 0]), groups=1).tolist() == [[50], [50]]
