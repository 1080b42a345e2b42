"""Files of prices, positions and losses, read and checked.

prices.csv: Ticker, Date (YYYY-MM-DD), Adj Close; positions.csv: ticker, market value at the last date, the sign
is the side; losses.csv: scenario, group, loss beyond margin. All may be gzipped (.gz), with columns in any order
and further ones beside them; names of columns in small or capital letters.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from clearing.core.arrays import Flags, Floats, Ints
from clearing.core.prices import PriceHistory
from clearing.core.refusals import PriceGap, PriceNotPositive
from clearing.files.columns import TextTable, Wanted
from clearing.files.refusals import LossRepeated, NumberMalformed, PositionRepeated, PriceRepeated

_TICKER: Final = Wanted(("ticker", "symbol", "instrument", "isin", "security"))
_DATE: Final = Wanted(("date",))
_PRICE: Final = Wanted(("adj close", "adj_close", "adjusted close", "adjusted_close"))
_VALUE: Final = Wanted(("market value", "market_value", "marketvalue", "mv", "value", "position", "amount", "notional"))

_LARGEST_PRICE: Final = 1e50
"""Squares of returns stay in the range of numbers."""


class Positions(NamedTuple):
    """Market values at the last date, (k,), and the instruments they are in."""

    instruments: tuple[str, ...]
    values: Floats


class Losses(NamedTuple):
    """Losses beyond margin, (scenarios, groups), zero where the file names none."""

    scenarios: tuple[str, ...]
    groups: tuple[str, ...]
    losses: Floats


def read_prices(*, path: Path) -> PriceHistory:
    """Read adjusted closes of all instruments of a file, NaN on a date on which one has none.

    Raises Refusal with file, line and column: a price that is no number or not above zero, of any instrument.
    """
    text = TextTable(path=path, wanted=(_TICKER, _DATE, _PRICE))
    instruments, column = text.names("ticker")
    day = text.dates("date")
    price = text.decimals("adj close", blank_refusal=PriceGap)
    text.table.refuse_where(price <= 0.0, column=text.headings["adj close"], refusal=PriceNotPositive)
    absurd = (price > _LARGEST_PRICE) | (price < 1.0 / _LARGEST_PRICE)
    why = "no price is as large or as small as that."
    text.table.refuse_where(absurd, column=text.headings["adj close"], refusal=NumberMalformed, why=why)
    dates, row = np.unique(day, return_inverse=True)
    cell = row * len(instruments) + column
    text.table.refuse_where(_repeated(cell), column=text.headings["date"], refusal=PriceRepeated)
    prices = np.full(len(dates) * len(instruments), np.nan)
    prices[cell] = price
    return PriceHistory(tuple(instruments), dates, prices.reshape(len(dates), len(instruments)))


def read_positions(*, path: Path) -> Positions:
    """Read market values by instrument. Raises Refusal with file, line and column."""
    text = TextTable(path=path, wanted=(_TICKER, _VALUE))
    instruments, code = text.names("ticker")
    values = text.decimals("market value")
    text.table.refuse_where(_repeated(code), column=text.headings["ticker"], refusal=PositionRepeated)
    return Positions(tuple(instruments), values)


def read_losses(*, path: Path) -> Losses:
    """Read losses by scenario and group, each in the order of the file. Raises Refusal with file, line and column."""
    text = TextTable(path=path, wanted=(Wanted(("scenario",)), Wanted(("group",)), Wanted(("loss",))))
    scenarios, row = text.names("scenario")
    groups, column = text.names("group")
    loss = text.decimals("loss")
    cell = row * len(groups) + column
    text.table.refuse_where(_repeated(cell), column=text.headings["group"], refusal=LossRepeated)
    losses = np.zeros(len(scenarios) * len(groups))
    losses[cell] = loss
    return Losses(tuple(scenarios), tuple(groups), losses.reshape(len(scenarios), len(groups)))


def _repeated(codes: Ints) -> Flags:
    """Return where a code comes a second time."""
    repeated: Flags = np.ones(len(codes), np.bool_)
    repeated[np.unique(codes, return_index=True)[1]] = False
    return repeated
