"""The margin model of a segment: its parts, to the cent."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from clearing.core.arrays import Floats
from clearing.core.prices import PriceHistory
from clearing.core.refusals import HistoryTooShort, VolatilityZero, VolumeMissing
from clearing.core.risk_model import ModelSettings, RiskModel, build_risk_model, margin_accounts

STOCKS = Path(__file__).resolve().parents[3] / "reference" / "data" / "stocks.csv.gz"
PLAIN = ModelSettings(method="hs", measure="es", confidence=0.99, lookback=1_000, mpor_days=1)


def losses_model(settings: ModelSettings = PLAIN, *, volume: float = 1e9) -> RiskModel:
    """One instrument whose returns lose 1, 2, .. 1,000 hundred-thousandths, in a shuffled order."""
    returns = -np.random.default_rng(7).permutation(np.arange(1, 1_001)) / 100_000
    prices: Floats = 100.0 * np.cumprod(np.concatenate(([1.0], 1.0 + returns)))[:, None].astype(np.float64)
    days = np.datetime64("2000-01-03") + np.arange(len(prices))
    return build_risk_model(
        history=PriceHistory(("ONE",), days, prices), average_volume=np.array([volume]), settings=settings
    )


def real_history(*names: str) -> PriceHistory:
    prices: dict[str, dict[str, float]] = defaultdict(dict)
    with gzip.open(STOCKS, "rt", newline="") as file:
        for line in csv.DictReader(file):
            prices[line["Ticker"]][line["Date"]] = float(line["Adj Close"])
    dates = sorted(set.intersection(*(set(prices[name]) for name in names)))
    matrix = np.array([[prices[name][day] for name in names] for day in dates])
    return PriceHistory(names, np.array(dates, dtype="datetime64[D]"), matrix)


def test_the_pinned_quantiles() -> None:
    margins = margin_accounts(
        model=losses_model(), values=np.array([[100_000.0]]), quantity_units=np.array([[1.0]])
    )  # fmt: skip
    assert margins.value_at_risk.tolist() == [991.0]
    # 995.5 is rounded up, against the member.
    assert margins.expected_shortfall.tolist() == [996.0]
    assert margins.requirement.tolist() == margins.base.tolist() == [996.0]
    assert margins.flat.tolist() == [20_000.0]


def test_three_real_shares_to_the_cent() -> None:
    """+250,000 AAPL, +1,000,000 IBM, −500,000 MSFT, last 1,000 one-day returns: VaR 32,714.95, ES 44,663.56."""
    model = build_risk_model(
        history=real_history("AAPL", "IBM", "MSFT"), average_volume=np.full(3, 1e9), settings=PLAIN
    )
    margins = margin_accounts(
        model=model, values=np.array([[25_000_000.0, 100_000_000.0, -50_000_000.0]]), quantity_units=np.ones((1, 3))
    )
    assert margins.value_at_risk.tolist() == [3_271_495.0]
    # 44,663.56 and a fraction of a cent, which is rounded up.
    assert margins.base.tolist() == [4_466_357.0]


def test_a_gain_needs_no_margin() -> None:
    margins = margin_accounts(
        model=losses_model(), values=np.array([[-100_000.0], [0.0]]), quantity_units=np.array([[-1.0], [0.0]])
    )
    assert margins.requirement.tolist() == [0.0, 0.0]
    assert margins.gross.tolist() == [100_000.0, 0.0]


def test_concentration_scales_by_the_root_of_the_days_it_takes() -> None:
    # 900 units at a tenth of 1,000 a day take 9 days: three times the margin of one.
    margins = margin_accounts(
        model=losses_model(volume=1_000.0), values=np.array([[100_000.0]]), quantity_units=np.array([[900.0]])
    )
    assert margins.concentration.tolist() == [1_991.0]
    assert margins.requirement.tolist() == [996.0 + 1_991.0]


def test_an_exhaustible_buffer_gives_way_when_margin_rises() -> None:
    calm = ModelSettings(
        method="hs", measure="es", lookback=500, mpor_days=1, procyclicality="BUFFER", long_lookback=1_000
    )  # fmt: skip
    margins = margin_accounts(
        model=losses_model(calm), values=np.array([[100_000.0]]), quantity_units=np.array([[1.0]])
    )  # fmt: skip
    # At or under the calm level of 995.5 the buffer is whole: a quarter of the base.
    assert 0 < margins.procyclicality[0] <= 0.25 * margins.base[0] + 1


def test_stressed_observations_weigh_a_quarter() -> None:
    """Calm days lose 1 %, the stressed ones 5 %: 0.75 × 1 % + 0.25 × 5 % = 2 %."""
    returns = np.where(np.arange(300) < 100, -0.05, -0.01)
    prices: Floats = 100.0 * np.cumprod(np.concatenate(([1.0], 1.0 + returns)))[:, None].astype(np.float64)
    days = np.datetime64("2000-01-03") + np.arange(len(prices))
    settings = ModelSettings(
        method="hs", lookback=100, mpor_days=1, procyclicality="STRESSED", stressed=(days[0], days[100])
    )  # fmt: skip
    model = build_risk_model(
        history=PriceHistory(("ONE",), days, prices), average_volume=np.array([1e9]), settings=settings
    )
    margins = margin_accounts(model=model, values=np.array([[1_000_000.0]]), quantity_units=np.array([[1.0]]))
    assert (margins.base.tolist(), margins.procyclicality.tolist()) == ([10_000.0], [10_000.0])
    assert model.ends[-1] == days[-1]


def test_a_floor_from_a_long_lookback() -> None:
    returns = np.where(np.arange(300) < 100, -0.05, -0.01)
    prices: Floats = 100.0 * np.cumprod(np.concatenate(([1.0], 1.0 + returns)))[:, None].astype(np.float64)
    days = np.datetime64("2000-01-03") + np.arange(len(prices))
    settings = ModelSettings(method="hs", lookback=100, mpor_days=1, procyclicality="FLOOR", long_lookback=300)
    history = PriceHistory(("ONE",), days, prices)
    model = build_risk_model(history=history, average_volume=np.array([1e9]), settings=settings)
    margins = margin_accounts(model=model, values=np.array([[1_000_000.0]]), quantity_units=np.array([[1.0]]))
    assert margins.requirement.tolist() == [50_000.0]
    with pytest.raises(HistoryTooShort, match="ONE leaves 300 common returns"):
        build_risk_model(
            history=history, average_volume=np.array([1e9]),
            settings=ModelSettings(method="hs", lookback=100, mpor_days=1, procyclicality="FLOOR", long_lookback=301),
        )  # fmt: skip


def test_refusals_name_the_instrument() -> None:
    history = real_history("AAPL", "GOOG")
    short = PriceHistory(history.instruments, history.dates[-200:], history.prices[-200:])
    with pytest.raises(HistoryTooShort, match=r"^AAPL"):
        build_risk_model(history=short, average_volume=np.ones(2), settings=PLAIN)
    late = real_history("AAPL", "IBM")
    listed = late.dates >= history.dates[0]
    prices = np.column_stack((late.prices[:, 0], np.where(listed, late.prices[:, 1], np.nan)))
    with pytest.raises(HistoryTooShort, match="GOOG has no prices in the stressed period"):
        build_risk_model(
            history=PriceHistory(("AAPL", "GOOG"), late.dates, prices),
            average_volume=np.ones(2),
            settings=ModelSettings(method="hs", lookback=100, procyclicality="STRESSED"),
        )
    still = np.concatenate((np.full(70, 5.0), [6.0, 5.0, 6.0] * 10))
    with pytest.raises(VolatilityZero, match=r"^SECOND"):
        build_risk_model(
            history=PriceHistory(
                ("FIRST", "SECOND"), history.dates[:100], np.column_stack((history.prices[:100, 0], still))
            ),
            average_volume=np.ones(2),
            settings=ModelSettings(method="fhs", lookback=20, mpor_days=1),
        )
    with pytest.raises(VolumeMissing, match="ONE"):
        margin_accounts(
            model=losses_model(volume=0.0), values=np.array([[1.0]]), quantity_units=np.array([[1.0]])
        )  # fmt: skip
