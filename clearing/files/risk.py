"""Margin, backtest and Cover-2 of anyone's files; no database takes part."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final, Literal

import numpy as np

from clearing.core.arrays import Floats
from clearing.core.backtest import BacktestResult
from clearing.core.portfolio import MarginModel, PortfolioMargin, backtest_portfolio, measure_portfolio, measure_stress
from clearing.core.prices import Gaps, PriceHistory, align_history
from clearing.core.procyclicality import FLOOR_RETURNS, buffer_margin, floor_margin, weigh_stress
from clearing.core.proxies import fill_by_proxies
from clearing.core.refusals import PositionUnpriced
from clearing.core.rolling import RollingMargins
from clearing.core.stress import CoverTwo, cover_two
from clearing.files.portfolio import Losses, Positions, read_losses, read_positions, read_prices

Procyclicality = Literal["none", "buffer", "stress", "floor"]
PROCYCLICALITY: Final[tuple[Procyclicality, ...]] = ("none", "buffer", "stress", "floor")


@dataclass(frozen=True, slots=True)
class RiskFiles:
    """Where prices and positions are, and how they are to be taken."""

    prices: Path
    positions: Path
    proxies: Mapping[str, str]
    gaps: Gaps = "refuse"
    check_splits: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class FileMargin:
    """A portfolio's margin; charged is what the choice against procyclicality makes of it."""

    instruments: tuple[str, ...]
    values: Floats
    measured: PortfolioMargin
    charged: float


@dataclass(frozen=True, slots=True, eq=False)
class FileBacktest:
    """A portfolio's backtest, and the history that it was made on."""

    history: PriceHistory
    result: BacktestResult
    rolled: RollingMargins


def margin_files(
    *, files: RiskFiles, model: MarginModel, procyclicality: Procyclicality = "none",
    stress_from: date = date(2008, 9, 1), stress_to: date = date(2008, 10, 31),
) -> FileMargin:  # fmt: skip
    """Read prices and positions and return the margin at the last date. Raises Refusal."""
    history, positions = _read(files)
    measured = measure_portfolio(history=history, values=positions.values, model=model)
    charged = measured.margin
    if procyclicality == "stress":
        stressed = measure_stress(
            history=history, values=positions.values, model=model, first=stress_from, last=stress_to
        )
        charged = float(weigh_stress(margin=charged, stressed_margin=stressed))
    elif procyclicality != "none":
        long_model = replace(model, lookback=FLOOR_RETURNS)
        long_margin = measure_portfolio(history=history, values=positions.values, model=long_model).margin
        if procyclicality == "floor":
            charged = float(floor_margin(margin=charged, long_margin=long_margin))
        else:
            charged = float(buffer_margin(margin=charged, calm_margin=long_margin))
    return FileMargin(positions.instruments, positions.values, measured, charged)


def backtest_files(*, files: RiskFiles, model: MarginModel) -> FileBacktest:
    """Read prices and positions and return the backtest. Raises Refusal."""
    history, positions = _read(files)
    result, rolled = backtest_portfolio(history=history, values=positions.values, model=model)
    return FileBacktest(history, result, rolled)


def cover_two_file(*, path: Path) -> tuple[Losses, CoverTwo]:
    """Read losses by scenario and group and return the worst two. Raises Refusal."""
    losses = read_losses(path=path)
    return losses, cover_two(losses=losses.losses)


def _read(files: RiskFiles) -> tuple[PriceHistory, Positions]:
    """Read both files, fill in proxies, and align what the positions need."""
    positions = read_positions(path=files.positions)
    history = read_prices(path=files.prices)
    for name in positions.instruments:
        if name not in history.instruments:
            where = f"{files.positions.name}: a position in {name}"
            raise PositionUnpriced(f"{where}, which has no price in {files.prices.name}.", instrument=name)
    involved = tuple(dict.fromkeys((*positions.instruments, *_proxies_used(files.proxies, positions))))
    known = tuple(name for name in involved if name in history.instruments)
    # A proxy must be as sound as what it stands for; then it fills, and is left.
    sound = align_history(history=history, instruments=known, gaps=files.gaps, check_splits=files.check_splits)
    filled = fill_by_proxies(
        history=sound, proxies={name: proxy for name, proxy in files.proxies.items() if name in involved}
    )
    columns = [filled.instruments.index(name) for name in positions.instruments]
    prices = filled.prices[:, columns]
    kept = np.isfinite(prices).any(axis=1)
    return PriceHistory(positions.instruments, filled.dates[kept], prices[kept]), positions


def _proxies_used(proxies: Mapping[str, str], positions: Positions) -> list[str]:
    """Return the proxies of the positions, and theirs."""
    found: list[str] = []
    waiting = list(positions.instruments)
    while waiting:
        proxy = proxies.get(waiting.pop())
        if proxy is not None and proxy not in found:
            found.append(proxy)
            waiting.append(proxy)
    return found
