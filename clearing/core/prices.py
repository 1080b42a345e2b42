"""Price histories of many instruments: brought onto common dates, with gaps and splits refused by name."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from clearing.core.arrays import Dates, Flags, Floats, Ints
from clearing.core.refusals import (
    HistoryTooShort,
    NotFinite,
    PositionUnpriced,
    PriceGap,
    PriceNotPositive,
    SplitSuspected,
)

Gaps = Literal["refuse", "skip"]

MOST_MISSING_WEEKDAYS: Final = 4
"""No market of the United States has been closed longer in living memory: 11 to 14 September 2001."""

SPLIT_RATIOS: Final = (1.5, *range(2, 11), 12, 15, 20, 25, 30, 50, 100)
"""New shares for one old one; reverse splits are their inverses."""

_SMALL_RATIO: Final = 2.0
_SMALL_RATIO_TOLERANCE: Final = 0.035
"""How far the logarithm of an overnight ratio may be from that of a split of 2:1 or less: the return of the day
itself. Apple's true fall of 29 September 2000, to 0.481, is 0.038 from one half."""
_LARGE_RATIO_TOLERANCE: Final = 0.1
_LEAST_DEVIATIONS: Final = 6.0
"""Nothing is suspected that the instrument's own ordinary moves reach: so many robust standard deviations."""
_MAD_TO_DEVIATION: Final = 1.4826


@dataclass(frozen=True, slots=True, eq=False)
class PriceHistory:
    """Adjusted closes: prices (days, k) float64, NaN on a date on which the instrument has none.

    dates: (days,) datetime64[D], ascending; instruments: k names.
    """

    instruments: tuple[str, ...]
    dates: Dates
    prices: Floats


def align_history(
    *, history: PriceHistory, instruments: tuple[str, ...], gaps: Gaps = "refuse", check_splits: bool = True
) -> PriceHistory:
    """Return the history of some instruments on the dates on which all of them that are listed by then trade.

    Only leading NaN remains: an instrument that was listed later. The last date is one on which all trade.
    gaps "skip": a date on which one of them lacks a price is left out instead of refused.
    Raises PositionUnpriced, PriceGap, PriceNotPositive, NotFinite, SplitSuspected, HistoryTooShort.
    """
    chosen = _select(history, instruments)
    _check_numbers(chosen)
    if gaps == "refuse":
        _refuse_gaps(history, chosen)
    if check_splits:
        _refuse_splits(chosen)
    traded = np.isfinite(chosen.prices)
    began = np.logical_or.accumulate(traded, axis=0)
    kept = (traded | ~began).all(axis=1) & traded.any(axis=1)
    aligned = PriceHistory(instruments, chosen.dates[kept], chosen.prices[kept])
    unmet = ~np.isfinite(aligned.prices).any(axis=0)
    if unmet.any():
        name = instruments[int(np.argmax(unmet))]
        raise HistoryTooShort(f"{name} has no date in common with the other instruments.", instrument=name)
    return aligned


def first_common_row(*, history: PriceHistory) -> int:
    """Return the first row on which all instruments have a price."""
    return int(np.isfinite(history.prices).argmax(axis=0).max(initial=0))


def _select(history: PriceHistory, instruments: tuple[str, ...]) -> PriceHistory:
    place = {name: column for column, name in enumerate(history.instruments)}
    for name in instruments:
        if name not in place:
            raise PositionUnpriced(f"{name} has no prices.", instrument=name)
    prices = history.prices[:, [place[name] for name in instruments]]
    empty = np.isnan(prices).all(axis=0)
    if empty.any():
        name = instruments[int(np.argmax(empty))]
        raise PositionUnpriced(f"{name} has no prices.", instrument=name)
    return PriceHistory(instruments, history.dates, prices)


def _check_numbers(history: PriceHistory) -> None:
    """Refuse what is not above zero, or infinite; NaN means no price."""
    wrong = (history.prices <= 0.0) | np.isinf(history.prices)
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        price, name = history.prices[row, column], history.instruments[column]
        kind = NotFinite if np.isinf(price) else PriceNotPositive
        raise kind(f"{name} on {history.dates[row]}: a price of {price}.", instrument=name)


def _refuse_gaps(market: PriceHistory, chosen: PriceHistory) -> None:
    """Refuse a date on which an instrument lacks a price although the market was open.

    Open means that at least half of the instruments listed on that date traded on it. Further, an instrument
    may not be without a price for more than MOST_MISSING_WEEKDAYS, and must have one on the last date.
    """
    open_days = _open_days(market)
    last_row = int(np.flatnonzero(np.isfinite(chosen.prices).any(axis=1))[-1])
    for column, name in enumerate(chosen.instruments):
        traded = np.isfinite(chosen.prices[:, column])
        rows = np.flatnonzero(traded)
        if rows[-1] != last_row:
            raise PriceGap(
                f"{name} has no price on {chosen.dates[last_row]}, the last date of the portfolio's prices;"
                f" its own last is of {chosen.dates[rows[-1]]}.",
                instrument=name,
            )
        listed = np.arange(len(traded)) >= rows[0]
        missing = np.flatnonzero(listed & ~traded & open_days)
        missing = missing[missing < last_row]
        if len(missing):
            shown = ", ".join(str(date) for date in chosen.dates[missing[:3]])
            more = f" and {len(missing) - 3} more dates" if len(missing) > 3 else ""
            raise PriceGap(f"{name} has no price on {shown}{more}, although others do.", instrument=name)
        dates = chosen.dates[rows]
        weekdays = np.busday_count(dates[:-1] + np.timedelta64(1, "D"), dates[1:])
        if len(weekdays) and weekdays.max() > MOST_MISSING_WEEKDAYS:
            at = int(np.argmax(weekdays))
            raise PriceGap(
                f"{name} has no price between {dates[at]} and {dates[at + 1]}: {weekdays[at]} weekdays are missing.",
                instrument=name,
            )


def _open_days(market: PriceHistory) -> Flags:
    traded = np.isfinite(market.prices)
    listed = np.logical_or.accumulate(traded, axis=0) & np.logical_or.accumulate(traded[::-1], axis=0)[::-1]
    counted: Ints = traded.sum(axis=1)
    is_open: Flags = (2 * counted >= listed.sum(axis=1)) & (counted > 0)
    return is_open


def _refuse_splits(history: PriceHistory) -> None:
    """Refuse an overnight ratio that is what a split would do, and no move of that instrument's ordinary size."""
    targets = np.log(np.array(SPLIT_RATIOS))
    tolerance = np.where(
        np.array(SPLIT_RATIOS) <= _SMALL_RATIO, _SMALL_RATIO_TOLERANCE, _LARGE_RATIO_TOLERANCE
    )  # fmt: skip
    for column, name in enumerate(history.instruments):
        rows = np.flatnonzero(np.isfinite(history.prices[:, column]))
        prices = history.prices[rows, column]
        moves = np.log(prices[1:] / prices[:-1])
        large = np.flatnonzero(np.abs(moves) >= targets[0] - tolerance[0])
        if not len(large):
            continue
        deviation = _MAD_TO_DEVIATION * float(np.median(np.abs(moves - np.median(moves))))
        for at in large.tolist():
            size = abs(float(moves[at]))
            near = int(np.argmin(np.abs(targets - size)))
            if abs(targets[near] - size) > tolerance[near] or size < _LEAST_DEVIATIONS * deviation:
                continue
            shares = f"{SPLIT_RATIOS[near]:g} for 1" if moves[at] < 0 else f"1 for {SPLIT_RATIOS[near]:g}"
            raise SplitSuspected(
                f"{name} on {history.dates[rows[at + 1]]}: from {prices[at]:g} to {prices[at + 1]:g}, what a split of"
                f" {shares} would do: the prices are not adjusted for it.",
                instrument=name,
            )
