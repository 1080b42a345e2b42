"""Return scenarios: historical, and filtered by each instrument's own volatility.

Historical: simple returns over the margin period of risk h, overlapping, P[t+h] / P[t] - 1, the last N.
Filtered (Hull and White 1998, Barone-Adesi, Giannopoulos and Vosper 1999): each one-day return scaled from
the volatility that was forecast for its day to the one forecast for tomorrow; for h > 1, h consecutive filtered
returns are compounded, again overlapping.
"""

from typing import Final, Literal

import numpy as np

from clearing.core.arrays import Floats, Ints
from clearing.core.refusals import (
    HistoryTooShort,
    NotFinite,
    ParameterOutOfRange,
    PriceGap,
    PriceNotPositive,
    VolatilityZero,
)

Method = Literal["hs", "fhs"]
METHODS: Final[tuple[Method, ...]] = ("hs", "fhs")

DECAY: Final = 0.97
SEED_DAYS: Final = 60


def simple_returns(*, prices: Floats, horizon_days: int) -> Floats:
    """Return overlapping simple returns P[t+h] / P[t] - 1; row t is the return that starts on day t.

    prices: (days, k), above zero; a column may begin with NaN (not listed yet), its returns then do too.
    Returns (days - h, k), with no rows where there are not enough days.
    Raises ParameterOutOfRange, PriceNotPositive, PriceGap, NotFinite.
    """
    check_horizon(horizon_days=horizon_days)
    check_prices(prices=prices)
    if len(prices) <= horizon_days:
        return np.empty((0, prices.shape[1]))
    returns: Floats = prices[horizon_days:] / prices[:-horizon_days] - 1.0
    return returns


def filtered_returns(*, returns: Floats, decay: float = DECAY, seed_days: int = SEED_DAYS) -> Floats:
    """Return r_t * sqrt(v_{T+1} / v_t): each one-day return scaled to tomorrow's volatility.

    returns: (days, k) simple one-day returns; a column may begin with NaN, its history is what follows.
    Where v_t and r_t are both zero (a price that has never moved) the scenario is zero.
    Raises HistoryTooShort, NotFinite, ParameterOutOfRange, VolatilityZero.
    """
    variances = conditional_variances(returns=returns, decay=decay, seed_days=seed_days)
    scaled: Floats = standardised_returns(returns=returns, variances=variances) * np.sqrt(variances[-1])
    return scaled


def conditional_variances(*, returns: Floats, decay: float = DECAY, seed_days: int = SEED_DAYS) -> Floats:
    """Return the variance forecast for each day, (days + 1, k); the last row is the forecast for tomorrow.

    v_t is the population variance of the first seed_days returns up to that day, then
    v_{t+1} = decay * v_t + (1 - decay) * r_t ** 2. Rows before a column's first return are NaN.
    Raises HistoryTooShort, NotFinite, ParameterOutOfRange.
    """
    if not (0.0 < decay < 1.0 and seed_days >= 1):
        raise ParameterOutOfRange(f"decay {decay} must lie between 0 and 1, and seed days {seed_days} be 1 or more.")
    first = first_rows(values=returns)
    days = len(returns)
    if (days - first < seed_days).any():
        column = int(np.argmax(first))
        raise HistoryTooShort(
            f"Column {column + 1} has {days - int(first[column])} returns; the filter needs {seed_days}.", column=column
        )
    current: Floats = np.empty(returns.shape[1])
    for start in np.unique(first):
        columns = first == start
        current[columns] = returns[start : start + seed_days, columns].var(axis=0)
    variances: Floats = np.empty((days + 1, returns.shape[1]))
    last_seed = first + seed_days - 1
    for day in range(days):
        variances[day] = current
        moved = decay * current + (1.0 - decay) * returns[day] ** 2
        current = np.where(day >= last_seed, moved, current)
    variances[days] = current
    variances[:days][np.isnan(returns)] = np.nan
    return variances


def standardised_returns(*, returns: Floats, variances: Floats) -> Floats:
    """Return r_t / sqrt(v_t), zero where both are zero. Raises VolatilityZero."""
    volatility = np.sqrt(variances[: len(returns)])
    still = volatility == 0.0
    wrong = still & (returns != 0.0)
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        raise VolatilityZero(f"Row {row + 1}, column {column + 1}: it moved, and had never before.", column=column)
    standard: Floats = np.divide(returns, volatility, out=np.zeros_like(returns), where=~still)
    return standard


def compound_returns(*, returns: Floats, horizon_days: int) -> Floats:
    """Return the product of each horizon_days consecutive (1 + r), less 1: (days - horizon_days + 1, k)."""
    check_horizon(horizon_days=horizon_days)
    if horizon_days == 1:
        return returns
    kept = max(len(returns) - horizon_days + 1, 0)
    growth: Floats = np.ones((kept, *returns.shape[1:]))
    for step in range(horizon_days):
        growth *= 1.0 + returns[step : step + kept]
    return growth - 1.0


def build_scenarios(
    *, prices: Floats, method: Method, lookback: int, horizon_days: int,
    decay: float = DECAY, seed_days: int = SEED_DAYS,
) -> Floats:  # fmt: skip
    """Return the last `lookback` scenarios of all instruments together, (lookback, k), oldest first.

    prices: (days, k) as for simple_returns; only days on which all have a price count for a historical
    scenario, while a filter sees the whole history of its instrument.
    Raises HistoryTooShort and what the methods raise.
    """
    check_lookback(lookback=lookback)
    if method == "hs":
        common = prices[int(first_rows(values=prices).max(initial=0)) :]
        scenarios = simple_returns(prices=common, horizon_days=horizon_days)
    else:
        one_day = simple_returns(prices=prices, horizon_days=1)
        filtered = filtered_returns(returns=one_day, decay=decay, seed_days=seed_days)
        common = filtered[int(first_rows(values=filtered).max(initial=0)) :]
        scenarios = compound_returns(returns=common, horizon_days=horizon_days)
    if len(scenarios) < lookback:
        raise HistoryTooShort(f"There are {len(scenarios):,} common returns; the lookback asks for {lookback:,}.")
    return scenarios[-lookback:]


def first_rows(*, values: Floats) -> Ints:
    """Return the first row of each column that is a number, the number of rows where none is.

    Raises NotFinite where a number is followed by none.
    """
    finite = np.isfinite(values)
    first: Ints = np.where(finite.any(axis=0), finite.argmax(axis=0), len(values)).astype(np.int64)
    wrong = ~finite & (np.arange(len(values))[:, None] >= first)
    wrong |= np.isinf(values)
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        raise NotFinite(f"Row {row + 1}, column {column + 1}: {values[row, column]}.", row=row, column=column)
    return first


def check_prices(*, prices: Floats) -> None:
    """Refuse prices that are not above zero, infinite, or missing after the first of their column.

    Raises PriceNotPositive, PriceGap, NotFinite.
    """
    wrong = (prices <= 0.0) | np.isinf(prices)
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        kind = NotFinite if np.isinf(prices[row, column]) else PriceNotPositive
        raise kind(f"Row {row + 1}, column {column + 1}: a price of {prices[row, column]}.", row=row, column=column)
    missing = np.isnan(prices)
    holes = missing[1:] & ~missing[:-1]
    if holes.any():
        row, column = (int(place) for place in np.argwhere(holes)[0])
        raise PriceGap(f"Row {row + 2}, column {column + 1}: the price is missing.", row=row + 1, column=column)


def check_horizon(*, horizon_days: int) -> None:
    """Refuse a margin period of risk under a day. Raises ParameterOutOfRange."""
    if horizon_days < 1:
        raise ParameterOutOfRange(f"A margin period of risk of {horizon_days} days; it must be 1 or more.")


def check_lookback(*, lookback: int) -> None:
    """Refuse a lookback without a return. Raises ParameterOutOfRange."""
    if lookback < 1:
        raise ParameterOutOfRange(f"A lookback of {lookback} returns; it must be 1 or more.")
