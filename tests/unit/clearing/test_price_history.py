"""Histories brought onto common dates: gaps and splits refused, real closures and falls not; proxies."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from clearing.core.portfolio import MarginModel, backtest_portfolio, measure_portfolio, measure_stress
from clearing.core.prices import PriceHistory, align_history
from clearing.core.proxies import fill_by_proxies
from clearing.core.refusals import (
    HistoryTooShort,
    NotFinite,
    PositionUnpriced,
    PriceGap,
    PriceNotPositive,
    ProxyInvalid,
    SplitSuspected,
    VolatilityZero,
)

NAMES = ("A", "B", "C")


def history(days: int = 200, instruments: int = 3, start: str = "2008-01-01", deviation: float = 0.01) -> PriceHistory:
    dates = np.busday_offset(start, np.arange(days), roll="forward").astype("datetime64[D]")
    moves = np.random.default_rng(5).normal(size=(days, instruments)) * deviation
    return PriceHistory(NAMES[:instruments], dates, 100.0 * np.exp(np.cumsum(moves, axis=0)))


def test_instruments_are_chosen_by_name_and_later_listing_is_no_gap() -> None:
    market = history()
    market.prices[:40, 2] = np.nan
    found = align_history(history=market, instruments=("C", "A"))
    assert found.instruments == ("C", "A")
    assert np.isnan(found.prices[:40, 0]).all()
    np.testing.assert_array_equal(found.prices[:, 1], market.prices[:, 0])


@pytest.mark.parametrize(
    ("row", "price", "refusal", "why"),
    [
        (100, np.nan, PriceGap, "B has no price on 2008-05-20, although others do"),
        (199, np.nan, PriceGap, "B has no price on 2008-10-06, the last date"),
        (100, 0.0, PriceNotPositive, "B on 2008-05-20: a price of 0.0"),
        (100, -3.0, PriceNotPositive, "B on 2008-05-20"),
        (100, np.inf, NotFinite, "B on 2008-05-20"),
    ],
)
def test_a_bad_price_is_refused_by_instrument_and_date(
    row: int, price: float, refusal: type[Exception], why: str
) -> None:
    market = history()
    market.prices[row, 1] = price
    with pytest.raises(refusal, match=why):
        align_history(history=market, instruments=("A", "B"))
    align_history(history=market, instruments=("A", "C"))


def test_a_gap_may_be_skipped_for_all() -> None:
    market = history()
    market.prices[100:103, 1] = np.nan
    market.prices[199, 1] = np.nan
    found = align_history(history=market, instruments=("A", "B"), gaps="skip")
    kept = [*range(100), *range(103, 199)]
    np.testing.assert_array_equal(found.prices, market.prices[kept][:, :2])
    market.prices[:150, 0] = np.nan
    market.prices[120:, 1] = np.nan
    with pytest.raises(HistoryTooShort, match="A has no date in common"):
        align_history(history=market, instruments=("A", "B"), gaps="skip")


def test_a_closed_market_is_no_gap_and_a_lost_week_is() -> None:
    market = history(instruments=1)
    for closed, refused in ((4, False), (5, True)):
        kept = [*range(100), *range(100 + closed, 200)]
        shorter = PriceHistory(("A",), market.dates[kept], market.prices[kept])
        if refused:
            with pytest.raises(PriceGap, match="between 2008-05-19 and 2008-05-27: 5 weekdays are missing"):
                align_history(history=shorter, instruments=("A",))
        else:
            assert len(align_history(history=shorter, instruments=("A",)).dates) == 196


def test_dates_on_which_few_trade_are_left_out() -> None:
    """A market open on Sundays makes no gap in those that are not."""
    market = history()
    sunday = np.datetime64("2008-01-06")
    dates = np.sort(np.append(market.dates, sunday))
    prices = np.insert(market.prices, np.searchsorted(market.dates, sunday), [np.nan, np.nan, 100.0], axis=0)
    found = align_history(history=PriceHistory(NAMES, dates, prices), instruments=NAMES)
    np.testing.assert_array_equal(found.dates, market.dates)


@pytest.mark.parametrize("ratio", [1.5, 2, 3, 7, 10, 20, 1 / 2, 1 / 3, 1 / 10])
@pytest.mark.parametrize("day", [-0.02, 0.0, 0.02])
def test_a_split_without_adjustment_is_suspected(ratio: float, day: float) -> None:
    market = history()
    market.prices[100:, 1] /= ratio
    market.prices[100:, 1] *= (1 + day) * market.prices[99, 1] / (market.prices[100, 1] * ratio)
    kind = f"{ratio:g} for 1" if ratio > 1 else f"1 for {1 / ratio:g}"
    with pytest.raises(SplitSuspected, match=rf"B on 2008-05-20: .* split of {kind} would do"):
        align_history(history=market, instruments=NAMES)
    align_history(history=market, instruments=NAMES, check_splits=False)
    align_history(history=market, instruments=("A", "C"))


def test_a_true_fall_and_a_wild_instrument_are_no_splits() -> None:
    market = history()
    market.prices[100:, 1] *= 0.4813 * market.prices[99, 1] / market.prices[100, 1]
    align_history(history=market, instruments=NAMES)
    wild = history(deviation=0.3)
    align_history(history=wild, instruments=NAMES)


def test_an_instrument_without_prices_is_refused() -> None:
    market = history()
    with pytest.raises(PositionUnpriced, match="X has no prices"):
        align_history(history=market, instruments=("A", "X"))
    market.prices[:, 1] = np.nan
    with pytest.raises(PositionUnpriced, match="B has no prices"):
        align_history(history=market, instruments=("A", "B"))


def test_a_proxy_gives_its_returns_and_changes_no_true_price() -> None:
    market = history()
    market.prices[:150, 1] = np.nan
    market.prices[:80, 2] = np.nan
    found = fill_by_proxies(history=market, proxies={"B": "C", "C": "A"})
    moved = found.prices[1:] / found.prices[:-1]
    true = market.prices[1:] / market.prices[:-1]
    np.testing.assert_array_equal(found.prices[150:, 1], market.prices[150:, 1])
    assert moved[80:150, 1] == pytest.approx(true[80:150, 2], rel=1e-12)
    assert moved[:80, 1] == pytest.approx(true[:80, 0], rel=1e-12)
    assert moved[:80, 2] == pytest.approx(true[:80, 0], rel=1e-12)


@pytest.mark.parametrize("proxies", [{"B": "B"}, {"A": "B", "B": "A"}, {"B": "X"}, {"X": "B"}, {"B": "C"}])
def test_a_proxy_that_fills_nothing_is_refused(proxies: dict[str, str]) -> None:
    market = history()
    market.prices[:150, 1] = np.nan
    market.prices[:180, 2] = np.nan
    with pytest.raises(ProxyInvalid):
        fill_by_proxies(history=market, proxies=proxies)


def test_contributions_add_up_to_the_measure_and_the_tail_is_named() -> None:
    market = history()
    values = np.array([1e6, -2e6, 5e5])
    for measure in ("es", "var"):
        model = MarginModel(measure=measure, confidence=0.95, lookback=150)
        found = measure_portfolio(history=market, values=values, model=model)
        assert found.contributions.sum() == pytest.approx(found.margin)
        assert found.losses[list(found.tail)].tolist() == sorted(found.losses.tolist(), reverse=True)[:8]
    assert found.ends[-1] == market.dates[-1]


def test_stress_is_measured_over_the_returns_that_ended_in_it() -> None:
    market = history()
    values = np.array([1e6, 0.0, 0.0])
    first, last = date(2008, 3, 11), date(2008, 3, 25)
    found = measure_stress(
        history=market, values=values, model=MarginModel(), first=first, last=last
    )  # fmt: skip
    returns = market.prices[50:61, 0] / market.prices[49:60, 0] - 1
    assert found == pytest.approx(1e6 * -returns.min())
    with pytest.raises(HistoryTooShort, match="1999"):
        measure_stress(
            history=market, values=values, model=MarginModel(),
            first=date(1999, 1, 1), last=date(1999, 2, 1),
        )  # fmt: skip


def refused(model: MarginModel, market: PriceHistory, values: Any, refusal: type[Exception], why: str) -> None:
    for run in (measure_portfolio, backtest_portfolio):
        with pytest.raises(refusal, match=why):
            run(history=market, values=np.asarray(values), model=model)


def test_refusals_of_a_portfolio_name_the_instrument() -> None:
    market = history()
    market.prices[:150, 1] = np.nan
    refused(MarginModel(lookback=50), market, [1.0, 1.0, 1.0], HistoryTooShort, "B has prices from 2008-07-29 on")
    refused(MarginModel(lookback=40, method="fhs"), market, [1.0, 1.0, 1.0], HistoryTooShort, "filter needs 6[01]")
    refused(MarginModel(lookback=10), market, [1.0, np.nan, 1.0], NotFinite, "market value of B is nan")
    still = history()
    still.prices[:100, 2] = 7.0
    refused(MarginModel(lookback=90, method="fhs"), still, [1.0, 1.0, 1.0], VolatilityZero, "C did not move")


def test_a_scaled_proxy_moves_by_a_multiple_of_its_returns() -> None:
    market = history()
    market.prices[:150, 1] = np.nan
    found = fill_by_proxies(history=market, proxies={"B": "A"}, scales={"B": 1.5})
    moved, true = found.prices[1:] / found.prices[:-1], market.prices[1:] / market.prices[:-1]
    assert moved[:150, 1] - 1 == pytest.approx(1.5 * (true[:150, 0] - 1), abs=1e-12)
    with pytest.raises(ProxyInvalid, match="leaves nothing"):
        fill_by_proxies(history=market, proxies={"B": "A"}, scales={"B": 100.0})
