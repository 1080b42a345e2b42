"""The demo's orders: one seed, one day; the next day turns it round; what follows an order comes later."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from fmi.demo.market import MarketSecurity
from fmi.demo.orders import CLIENTS, ORDERS_PER_DAY, OrderEvent, limit_price, make_orders

# A Monday and its Tuesday are not always a pair: this one is.
FIRST, SECOND = date(2008, 9, 15), date(2008, 9, 16)
SECURITIES = [
    MarketSecurity("US0378331005", "USD", 14_203, 14_769, 13_912, 14_036, 2, 32_852_600, 1, False),
    MarketSecurity("US4592001014", "USD", 11_500, 11_769, 11_412, 11_600, 2, 8_852_600, 10, False),
]


@pytest.fixture(scope="module")
def events() -> list[OrderEvent]:
    return make_orders(seed=7, business_date=FIRST, securities=SECURITIES)


def test_the_same_seed_gives_the_same_day_and_another_another(events: list[OrderEvent]) -> None:
    assert make_orders(seed=7, business_date=FIRST, securities=SECURITIES) == events
    assert make_orders(seed=8, business_date=FIRST, securities=SECURITIES) != events


def test_a_pair_of_days_cancels_out(events: list[OrderEvent]) -> None:
    days = [day for day in (SECOND, date(2008, 9, 12)) if _signed(day) == _turned(events)]
    assert len(days) == 1


def _signed(day: date) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for event in make_orders(seed=7, business_date=day, securities=SECURITIES):
        found[event.client, event.isin] += event.quantity * {"BUY": 1, "SELL": -1}[event.side]
    return found


def _turned(events: list[OrderEvent]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for event in events:
        found[event.client, event.isin] += event.quantity * {"BUY": -1, "SELL": 1}[event.side]
    return found


def test_orders_are_whole_lots_of_known_clients_each_under_its_own_reference(events: list[OrderEvent]) -> None:
    placed = [event for event in events if event.kind == "PLACE"]
    assert len({event.client_order_id for event in placed}) == len(placed) == ORDERS_PER_DAY
    lots = {security.isin: security.lot_size_units for security in SECURITIES}
    assert all(event.quantity > 0 and event.quantity % lots[event.isin] == 0 for event in placed)
    assert {event.client for event in placed} <= {client.code for client in CLIENTS}
    assert {event.style.time_in_force for event in placed} == {"DAY", "GTC", "IOC", "FOK"}


def test_what_is_done_to_an_order_comes_after_it_and_only_to_one_that_waits(events: list[OrderEvent]) -> None:
    placed = {event.client_order_id: event for event in events if event.kind == "PLACE"}
    later = [event for event in events if event.kind != "PLACE"]
    assert later
    for event in later:
        assert event.at > placed[event.client_order_id].at
        assert placed[event.client_order_id].style.offset_bp < 0


@pytest.mark.parametrize(
    ("side", "offset_bp", "limit"),
    [("BUY", 10, "10.03"), ("SELL", 10, "9.97"), ("BUY", -100, "9.90"), ("SELL", -100, "10.10")],
)
def test_a_limit_lies_beyond_the_other_side_or_behind_the_middle(side: str, offset_bp: int, limit: str) -> None:
    bid, ask = Decimal("9.98"), Decimal("10.02")
    assert limit_price(side=side, offset_bp=offset_bp, bid=bid, ask=ask) == Decimal(limit)
