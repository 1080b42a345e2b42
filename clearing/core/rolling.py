"""Margins of the past: what the model would have asked each day of a portfolio whose values stand still.

The margin of the day on which return i starts rests on the `lookback` returns that had ended by then; it is
held against return i, over the same margin period of risk. All days at once, in blocks of bounded memory.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from clearing.core.arrays import Floats, Ints
from clearing.core.refusals import HistoryTooShort
from clearing.core.scenarios import (
    DECAY,
    SEED_DAYS,
    Method,
    check_lookback,
    conditional_variances,
    first_rows,
    simple_returns,
    standardised_returns,
)
from clearing.core.tail import Measure, count_tail, measure_rows

_BLOCK_NUMBERS: Final = 2_000_000
_FILTERED_DAYS: Final = 128


@dataclass(frozen=True, slots=True, eq=False)
class RollingMargins:
    """row: (tests,) the row of prices at whose close the margin was asked; margin and the loss that followed."""

    row: Ints
    margin: Floats
    loss: Floats


def roll_margins(
    *, prices: Floats, values: Floats, method: Method, measure: Measure, confidence: float, lookback: int,
    horizon_days: int, decay: float = DECAY, seed_days: int = SEED_DAYS,
) -> RollingMargins:  # fmt: skip
    """Return the margin of every day that has a lookback before it and a return after it.

    prices: (days, k), a column may begin with NaN; values: (k,), static, the sign is the side. Under "fhs" a
    day's scenarios are scaled to the volatility forecast on that day, and no day before the seed is over is
    tested, because its forecast would know the future. A margin is never below zero.
    Raises HistoryTooShort and what the scenarios raise.
    """
    check_lookback(lookback=lookback)
    tail = count_tail(observations=lookback, confidence=confidence)
    start = int(first_rows(values=prices).max(initial=0))
    profit = simple_returns(prices=prices[start:], horizon_days=horizon_days) @ values
    first = lookback + horizon_days - 1
    if method == "fhs":
        first = max(first, seed_days)
    if len(profit) <= first:
        raise HistoryTooShort(
            f"There are {len(profit):,} common returns; with a lookback of {lookback:,} a backtest needs"
            f" {first + 1:,} at least."
        )
    if method == "hs":
        windows = sliding_window_view(profit, lookback)[first - lookback - horizon_days + 1 : len(profit) - lookback]
        windows = windows[: len(profit) - first]
        var, shortfall = _measure_windows(windows, tail)
    else:
        var, shortfall = _measure_filtered(
            prices, values, range(start + first, start + len(profit)), lookback, horizon_days, decay, seed_days, tail
        )
    margin = np.maximum(shortfall if measure == "es" else var, 0.0)
    tested = np.arange(first, len(profit), dtype=np.int64)
    return RollingMargins(row=start + tested, margin=margin, loss=-profit[first:])


def _measure_windows(windows: Floats, tail: int) -> tuple[Floats, Floats]:
    """Measure overlapping windows, a block of copies at a time."""
    var, shortfall = np.empty(len(windows)), np.empty(len(windows))
    block = max(_BLOCK_NUMBERS // windows.shape[1], 1)
    for begin in range(0, len(windows), block):
        piece = slice(begin, begin + block)
        var[piece], shortfall[piece] = measure_rows(profits=windows[piece].copy(), tail=tail)
    return var, shortfall


def _measure_filtered(
    prices: Floats, values: Floats, days: range, lookback: int, horizon_days: int, decay: float, seed_days: int,
    tail: int,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Measure the scenarios as they looked on each day: standardised returns times that day's volatility."""
    returns = simple_returns(prices=prices, horizon_days=1)
    variances = conditional_variances(returns=returns, decay=decay, seed_days=seed_days)
    standard = standardised_returns(returns=returns, variances=variances)
    volatility = np.sqrt(variances)
    var, shortfall = np.empty(len(days)), np.empty(len(days))
    for begin in range(0, len(days), _FILTERED_DAYS):
        block = days[begin : begin + _FILTERED_DAYS]
        oldest = block[0] - horizon_days - lookback + 1
        scenarios = block[-1] - horizon_days - oldest + 1
        profits = np.zeros((len(block), scenarios))
        for column, value in enumerate(values.tolist()):
            today = volatility[block[0] : block[-1] + 1, column, None]
            growth = np.ones_like(profits)
            for step in range(horizon_days):
                growth *= 1.0 + standard[oldest + step : oldest + step + scenarios, column] * today
            profits += value * (growth - 1.0)
        # The window of each later day begins one scenario later.
        each = np.arange(len(block))
        own = sliding_window_view(profits, lookback, axis=1)[each, each]
        piece = slice(begin, begin + len(block))
        var[piece], shortfall[piece] = measure_rows(profits=own, tail=tail)
    return var, shortfall
