"""The demo's market: the same seed gives the same day, prices follow the quotes, reports go wrong as in life."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from fmi.demo.market import (
    LARGEST_DIFFERENCE_MINOR,
    OFF_MARKET_PERCENT,
    MarketEvent,
    MarketSecurity,
    Trader,
    activity_weights,
    make_day,
)
from reference.core.intraday import HALF_SPREAD_PPM, DayRange, quote_day, seed_of_day
from trades.core.parsing import convert_report
from trades.core.report import TradeReport

DAY = date(2008, 9, 15)
STOCK = MarketSecurity("US0378331005", "USD", 14_203, 14_769, 13_912, 14_036, 2, 32_852_600, 1, False)
BOND = MarketSecurity("DE0001135275", "EUR", 98_400, 99_020, 98_150, 98_700, 3, 40_000_000, 1_000, True)
SECURITIES = [STOCK, BOND]
TRADERS = [Trader(f"MEMBER{number}", ("FUND-A",) if number == 2 else ()) for number in range(8)]


@pytest.fixture(scope="module")
def events() -> list[MarketEvent]:
    return make_day(seed=7, business_date=DAY, securities=SECURITIES, traders=TRADERS)


def test_the_same_seed_gives_the_same_day(events: list[MarketEvent]) -> None:
    assert make_day(seed=7, business_date=DAY, securities=SECURITIES, traders=TRADERS) == events


def test_another_seed_or_day_gives_another(events: list[MarketEvent]) -> None:
    assert make_day(seed=8, business_date=DAY, securities=SECURITIES, traders=TRADERS) != events
    other = make_day(seed=7, business_date=date(2008, 9, 16), securities=SECURITIES, traders=TRADERS)
    assert {event.report["trade_id"] for event in other}.isdisjoint(event.report["trade_id"] for event in events)


def original(event: MarketEvent) -> bool:
    """Tell whether a report was made without an error in price or quantity: locked in, or one that nobody corrects."""
    return "reporter" not in event.report


def test_quantities_are_whole_lots(events: list[MarketEvent]) -> None:
    lots = {security.isin: security.lot_size_units for security in SECURITIES}
    locked_in = [event.report for event in events if original(event)]
    assert len(locked_in) > 20
    for report in locked_in:
        assert report["quantity"] > 0
        assert report["quantity"] % lots[report["security"]] == 0


@pytest.mark.parametrize("security", SECURITIES, ids=["stock", "bond"])
def test_prices_follow_the_quotes_of_their_moment_inside_the_real_range_but_for_a_few(security: MarketSecurity) -> None:
    days = [date(2008, 9, day) for day in (8, 9, 10, 11, 12)]
    share = 0
    for day in days:
        events = make_day(seed=7, business_date=day, securities=[security], traders=TRADERS)
        prices = (security.open, security.high, security.low, security.close)
        quotes = quote_day(
            day=DayRange(*prices, security.volume), security=security.isin, seed=seed_of_day(seed=7, business_date=day)
        )
        for event in (event for event in events if original(event)):
            price = int(Decimal(event.report["price"]).scaleb(security.price_digits))
            step = (event.at - timedelta(hours=9)) // timedelta(minutes=1)
            middle = int(quotes.last_ticks[step])
            if security.low <= price <= security.high:
                # Five deviations of the noise, and the rounding.
                assert abs(price - middle) <= middle * 5 * HALF_SPREAD_PPM / 1_000_000 + 1
            else:
                assert OFF_MARKET_PERCENT[0] / 100 - 0.001 <= abs(price / middle - 1) <= OFF_MARKET_PERCENT[1] / 100
                share += 1
    # Of some 500 locked in.
    assert share <= 8


def test_a_few_trades_a_day_are_off_the_market(events: list[MarketEvent]) -> None:
    ranges = {
        security.isin: [Decimal(end).scaleb(-security.price_digits) for end in (security.low, security.high)]
        for security in SECURITIES
    }
    away = set()
    for event in events:
        low, high = ranges[event.report["security"]]
        # One that both sides report alike, not one that a side has wrong.
        if not low <= Decimal(event.report["price"]) <= high:
            away.add((event.report["trade_id"][:12], event.report["price"]))
    trades = {event.report["trade_id"][:12] for event in events}
    reported = Counter(
        (event.report["trade_id"][:12], event.report["price"]) for event in events if event.kind == "REPORT"
    )
    agreed = [trade for trade in away if reported[trade] > 1]
    assert 0 < len(agreed) < len(trades) * 0.01


def test_a_day_whose_low_is_its_high_has_one_price() -> None:
    flat = STOCK._replace(open=14_000, high=14_000, low=14_000, close=14_000)
    day = make_day(seed=1, business_date=DAY, securities=[flat], traders=TRADERS)
    prices = Counter(event.report["price"] for event in day if original(event))
    assert prices["140.00"] >= prices.total() - 2


def test_every_report_can_be_read(events: list[MarketEvent]) -> None:
    for event in events:
        fields = {name: str(value).lower() if name == "cleared" else str(value) for name, value in event.report.items()}
        read = convert_report(fields=fields)
        assert isinstance(read, TradeReport), read


def test_events_come_in_the_order_of_their_time_within_the_day(events: list[MarketEvent]) -> None:
    assert [(event.day_offset, event.at) for event in events] == sorted(
        (event.day_offset, event.at) for event in events
    )
    assert {event.day_offset for event in events} == {0, 1}
    assert all(timedelta(hours=9) <= event.at < timedelta(hours=18, minutes=45) for event in events)


def test_reports_go_wrong_in_every_way_they_do_in_life(events: list[MarketEvent]) -> None:
    sides = Counter(event.report["trade_id"].split("-")[-1] for event in events if event.kind == "REPORT")
    assert sides["R"] > 0  # corrected the next morning
    cancels = [event for event in events if event.kind == "CANCEL"]
    assert len(cancels) == sides["R"]
    reported = {event.report["trade_id"]: event for event in events if event.kind == "REPORT"}
    for cancel in cancels:
        wrong, right = reported[cancel.report["trade_id"]].report, reported[cancel.report["trade_id"] + "-R"].report
        differing = {name for name in wrong if wrong[name] != right[name]} - {"trade_id"}
        assert len(differing) == 1
        assert differing < {"quantity", "price", "cleared"}
    late = [event for event in events if event.day_offset == 1 and event.kind == "REPORT"]
    assert len(late) > sides["R"]
    assert any(event.report.get("amount") for event in events)
    assert any(event.report["transaction_type"] == "" for event in events)
    assert any(not event.report["cleared"] for event in events)
    assert any(event.report.get("account") == "FUND-A" for event in events)
    trades = Counter(trade_id.rsplit("-", 1)[0] for trade_id in reported if trade_id[-1] in "BS")
    assert 1 in trades.values()  # one side's report is missing


def test_a_cash_difference_is_a_few_cents(events: list[MarketEvent]) -> None:
    for event in events:
        if event.report.get("amount"):
            divisor = 100 if event.report["security"] == BOND.isin else 1
            exact = Decimal(event.report["price"]) * event.report["quantity"] / divisor
            off_by = Decimal(event.report["amount"]) - exact
            assert 0 < off_by <= Decimal(LARGEST_DIFFERENCE_MINOR + 1) / 100


def test_nobody_trades_with_itself_and_activity_follows_a_power_law(events: list[MarketEvent]) -> None:
    assert all(event.report["buyer"] != event.report["seller"] for event in events)
    named = Counter(code for event in events for code in (event.report["buyer"], event.report["seller"]))
    assert named["MEMBER0"] > named["MEMBER3"] > named["MEMBER7"] > 0


def test_the_shares_of_activity_sum_to_one_and_fall() -> None:
    weights = activity_weights(count=12)
    assert weights.sum() == pytest.approx(1)
    assert np.all(np.diff(weights) < 0)
