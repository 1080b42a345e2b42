"""One portfolio's margin from its price history: scenarios, tail, and what each position contributes."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from clearing.core.arrays import Dates, Floats
from clearing.core.backtest import BacktestResult, backtest_margins
from clearing.core.prices import PriceHistory, first_common_row
from clearing.core.refusals import HistoryTooShort, NotFinite, RiskRefused, VolatilityZero
from clearing.core.rolling import RollingMargins, roll_margins
from clearing.core.scenarios import (
    SEED_DAYS,
    Method,
    build_scenarios,
    check_horizon,
    check_lookback,
    simple_returns,
)
from clearing.core.tail import Measure, count_tail, tail_of_accounts


@dataclass(frozen=True, slots=True)
class MarginModel:
    """What is asked of the model; horizon_days is the margin period of risk."""

    method: Method = "hs"
    measure: Measure = "es"
    confidence: float = 0.99
    lookback: int = 1_000
    horizon_days: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class PortfolioMargin:
    """VaR and ES of a portfolio, below zero where they are gains, and margin: the measure, never below zero.

    losses: (n,) of the scenarios, oldest first; ends: (n,) the date on which each scenario's return ended.
    tail: places of L(1) .. L(m) in losses. contributions: (k,) each position's mean loss in the tail (measure
    es), or in the scenario L(m) (measure var): they add up to the measure.
    """

    value_at_risk: float
    expected_shortfall: float
    margin: float
    losses: Floats
    ends: Dates
    tail: tuple[int, ...]
    contributions: Floats


def measure_portfolio(*, history: PriceHistory, values: Floats, model: MarginModel) -> PortfolioMargin:
    """Return a portfolio's margin at the last date of an aligned history.

    values: (k,) market values at the last date, the sign is the side. Raises RiskRefused.
    """
    _check(history, values, model)
    scenarios = _with_names(history, model)
    with np.errstate(over="ignore", invalid="ignore"):
        losses = -(scenarios @ values)
    if not np.isfinite(losses).all():
        raise NotFinite("The market values are so large that profit and loss leaves the range of numbers.")
    tail = count_tail(observations=len(losses), confidence=model.confidence)
    order = np.argsort(-losses, kind="stable")[:tail]
    var, shortfall = float(losses[order[-1]]), float(losses[order].mean())
    chosen = scenarios[order] if model.measure == "es" else scenarios[order[-1:]]
    return PortfolioMargin(
        value_at_risk=var,
        expected_shortfall=shortfall,
        margin=max(shortfall if model.measure == "es" else var, 0.0),
        losses=losses,
        ends=history.dates[-len(losses) :],
        tail=tuple(order.tolist()),
        contributions=-chosen.mean(axis=0) * values,
    )


def backtest_portfolio(
    *, history: PriceHistory, values: Floats, model: MarginModel
) -> tuple[BacktestResult, RollingMargins]:
    """Return the backtest of a portfolio whose market values are the same each day. Raises RiskRefused."""
    _check(history, values, model, more=1)
    try:
        rolled = roll_margins(
            prices=history.prices,
            values=values,
            method=model.method,
            measure=model.measure,
            confidence=model.confidence,
            lookback=model.lookback,
            horizon_days=model.horizon_days,
        )
    except VolatilityZero as refusal:
        raise _named(refusal, history) from refusal
    return backtest_margins(margins=rolled.margin, losses=rolled.loss, confidence=model.confidence), rolled


def measure_stress(*, history: PriceHistory, values: Floats, model: MarginModel, first: date, last: date) -> float:
    """Return the measure over the historical returns that ended from one date to another, never below zero.

    The filter plays no part: stressed observations are taken as they were. Raises RiskRefused.
    """
    common = first_common_row(history=history)
    returns = simple_returns(prices=history.prices[common:], horizon_days=model.horizon_days)
    ends = history.dates[common + model.horizon_days :]
    inside = (ends >= np.datetime64(first)) & (ends <= np.datetime64(last))
    if not inside.any():
        raise HistoryTooShort(f"No common return ended between {first} and {last}, the time of stress.")
    margin = tail_of_accounts(
        values=values[None, :], scenarios=returns[inside], confidence=model.confidence, measure=model.measure
    )
    return float(margin[0])


def _check(history: PriceHistory, values: Floats, model: MarginModel, more: int = 0) -> None:
    """Refuse, naming the instrument, what the array functions could only number."""
    check_horizon(horizon_days=model.horizon_days)
    check_lookback(lookback=model.lookback)
    count_tail(observations=model.lookback, confidence=model.confidence)
    wrong = ~np.isfinite(values)
    if wrong.any():
        name = history.instruments[int(np.argmax(wrong))]
        raise NotFinite(f"The market value of {name} is {values[np.argmax(wrong)]}.", instrument=name)
    first = np.isfinite(history.prices).argmax(axis=0)
    common = first_common_row(history=history)
    youngest = history.instruments[int(np.argmax(first))]
    began = f"{youngest} has prices from {history.dates[common]} on" if len(history.dates) else "there are no dates"
    returns = max(len(history.dates) - common - model.horizon_days, 0)
    needed = model.lookback + more * model.horizon_days
    if returns < needed:
        what = f"a backtest with a lookback of {model.lookback:,}" if more else "the lookback"
        raise HistoryTooShort(
            f"There are {returns:,} {model.horizon_days}-day returns common to all positions ({began});"
            f" {what} needs {needed:,}.",
            instrument=youngest,
        )
    if model.method == "fhs" and len(history.dates) - common - 1 < SEED_DAYS + more:
        raise HistoryTooShort(
            f"{began[0].upper()}{began[1:]}: too few returns; the volatility filter needs {SEED_DAYS + more}.",
            instrument=youngest,
        )


def _with_names(history: PriceHistory, model: MarginModel) -> Floats:
    try:
        return build_scenarios(
            prices=history.prices, method=model.method, lookback=model.lookback, horizon_days=model.horizon_days
        )
    except VolatilityZero as refusal:
        raise _named(refusal, history) from refusal


def _named(refusal: RiskRefused, history: PriceHistory) -> RiskRefused:
    name = history.instruments[refusal.extra["column"]]
    return type(refusal)(
        f"{name} did not move in its first {SEED_DAYS} returns; a later move cannot be scaled by volatility.",
        instrument=name,
    )
