"""The order book by hand: priority, times in force, replacement, self-trades, refusals, the log."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reference.refusals import Refusal
from trades.core.book.order_book import OrderBook
from trades.core.book.rebuild import rebuild_book, replay_events, restore_book, snapshot_book
from trades.core.book.refusals import EventLogBroken
from trades.core.book.terms import (
    LARGEST_INT64,
    LevelView,
    OrderEnd,
    OrderSide,
    Outcome,
    Removal,
    SelfTrade,
    TimeInForce,
    count_ticks,
)

BUY, SELL = OrderSide.BUY, OrderSide.SELL


def add(
    book: OrderBook, order_id: int, side: OrderSide, units: int, price: int | None = None,
    tif: TimeInForce = TimeInForce.DAY, owner: int | None = None, expires_at: int | None = None,
) -> Outcome:  # fmt: skip
    """Add an order whose time is its id."""
    return book.add_order(
        order_id=order_id, side=side, quantity_units=units, time=order_id, price_ticks=price, time_in_force=tif,
        owner=owner, expires_at=expires_at,
    )  # fmt: skip


def fills(outcome: Outcome) -> list[tuple[int, int, int]]:
    """Return (maker, price, units) of each execution."""
    return [(found.maker_order_id, found.price_ticks, found.quantity_units) for found in outcome.executions]


def ladder_of_offers(self_trade: SelfTrade = SelfTrade.ALLOW) -> OrderBook:
    """Offers: 50 at 100 (order 2), 30 at 101 (1, owner 7), 20 at 101 (3)."""
    book = OrderBook(self_trade=self_trade)
    add(book, 1, SELL, 30, 101, owner=7)
    add(book, 2, SELL, 50, 100)
    add(book, 3, SELL, 20, 101)
    return book


def refusal_of(book: OrderBook, **terms: int | OrderSide | TimeInForce | None) -> str:
    """Return the code under which an order is refused; nothing may change."""
    before = snapshot_book(book=book)
    wanted = {"order_id": 9, "side": BUY, "quantity_units": 10, "time": 9, "price_ticks": 100, **terms}
    with pytest.raises(Refusal) as refusal:
        book.add_order(**wanted)  # type: ignore[arg-type]
    assert snapshot_book(book=book) == before
    return refusal.value.code


def test_price_goes_before_time_and_the_maker_s_price_counts() -> None:
    book = ladder_of_offers()
    outcome = add(book, 4, BUY, 90, 105)
    assert fills(outcome) == [(2, 100, 50), (1, 101, 30), (3, 101, 10)]
    assert [(e.number, e.taker_order_id, e.taker_side, e.time) for e in outcome.executions] == [
        (1, 4, BUY, 4),
        (2, 4, BUY, 4),
        (3, 4, BUY, 4),
    ]
    assert outcome.resting_units == 0
    assert book.find_order(order_id=4) == OrderEnd.FILLED
    assert book.list_levels(side=SELL, count=5) == [LevelView(101, 10, 1)]


def test_what_a_limit_does_not_reach_rests_and_becomes_the_best_bid() -> None:
    book = ladder_of_offers()
    outcome = add(book, 4, BUY, 70, 100)
    assert fills(outcome) == [(2, 100, 50)]
    assert outcome.resting_units == 20
    assert (book.best_bid_ticks, book.best_offer_ticks) == (100, 101)
    assert book.find_depth(side=BUY, price_ticks=100) == LevelView(100, 20, 1)
    assert book.count_units(side=SELL) == 50


def test_the_rest_of_market_and_ioc_orders_never_stands() -> None:
    book = ladder_of_offers()
    assert add(book, 4, BUY, 60, 100, TimeInForce.IOC).removals == (Removal(4, 10, OrderEnd.UNFILLED),)
    assert add(book, 5, BUY, 80, None, TimeInForce.GTC).removals == (Removal(5, 30, OrderEnd.UNFILLED),)
    assert (book.best_bid_ticks, book.best_offer_ticks) == (None, None)


def test_fill_or_kill_is_all_or_nothing() -> None:
    book = ladder_of_offers()
    outcome = add(book, 4, BUY, 51, 100, TimeInForce.FOK)
    assert (fills(outcome), outcome.removals) == ([], (Removal(4, 51, OrderEnd.NOT_FILLABLE),))
    assert fills(add(book, 5, BUY, 51, 101, TimeInForce.FOK)) == [(2, 100, 50), (1, 101, 1)]


def test_a_smaller_quantity_keeps_the_place() -> None:
    book = ladder_of_offers()
    book.replace_order(order_id=1, quantity_units=10, time=4)
    assert fills(add(book, 5, BUY, 70, 101)) == [(2, 100, 50), (1, 101, 10), (3, 101, 10)]


@pytest.mark.parametrize("change", [{"quantity_units": 31}, {"quantity_units": 30, "price_ticks": 102}])
def test_a_larger_quantity_and_another_price_lose_the_place(change: dict[str, int]) -> None:
    book = ladder_of_offers()
    book.replace_order(order_id=1, time=4, **change)
    if "price_ticks" in change:
        book.replace_order(order_id=1, quantity_units=30, price_ticks=101, time=5)
    assert fills(add(book, 6, BUY, 60, 101)) == [(2, 100, 50), (3, 101, 10)]


def test_a_replaced_order_that_crosses_trades_as_a_taker() -> None:
    book = ladder_of_offers()
    add(book, 4, BUY, 60, 99)
    outcome = book.replace_order(order_id=4, quantity_units=60, price_ticks=100, time=5)
    assert fills(outcome) == [(2, 100, 50)]
    assert outcome.resting_units == 10
    # The quantity of a replacement is the whole one: 50 are filled, so 55 leaves 5.
    assert book.replace_order(order_id=4, quantity_units=55, time=6).resting_units == 5
    with pytest.raises(Refusal) as refusal:
        book.replace_order(order_id=4, quantity_units=50, time=7)
    assert refusal.value.code == "replace-not-above-filled"


@pytest.mark.parametrize(
    ("rule", "found", "removed"),
    [
        (SelfTrade.ALLOW, [(2, 100, 50), (1, 101, 30), (3, 101, 10)], []),
        (SelfTrade.CANCEL_RESTING, [(2, 100, 50), (3, 101, 20)], [(1, 30)]),
        (SelfTrade.CANCEL_INCOMING, [(2, 100, 50)], [(4, 40)]),
        (SelfTrade.CANCEL_BOTH, [(2, 100, 50)], [(1, 30), (4, 40)]),
    ],
)
def test_nobody_trades_with_itself_unless_allowed(
    rule: SelfTrade, found: list[tuple[int, int, int]], removed: list[tuple[int, int]]
) -> None:
    book = ladder_of_offers(rule)
    outcome = add(book, 4, BUY, 90, 101, owner=7)
    assert fills(outcome) == found
    assert [(removal.order_id, removal.quantity_units) for removal in outcome.removals] == removed
    assert all(removal.reason == OrderEnd.SELF_TRADE for removal in outcome.removals)


@pytest.mark.parametrize(("rule", "filled"), [(SelfTrade.CANCEL_RESTING, True), (SelfTrade.CANCEL_INCOMING, False)])
def test_fill_or_kill_does_not_count_on_its_owner_s_orders(rule: SelfTrade, filled: bool) -> None:
    book = ladder_of_offers(rule)
    outcome = add(book, 4, BUY, 70, 101, TimeInForce.FOK, owner=7)
    assert sum(units for _, _, units in fills(outcome)) == (70 if filled else 0)
    other = ladder_of_offers(rule)
    assert not fills(add(other, 4, BUY, 71, 101, TimeInForce.FOK, owner=7)), "30 of the 100 are its own"
    assert other.count_units(side=SELL) == 100


def test_refusals_are_named_and_change_nothing() -> None:
    book = ladder_of_offers()
    add(book, 4, BUY, 50, 100)
    assert refusal_of(book, quantity_units=0) == "quantity-not-positive"
    assert refusal_of(book, quantity_units=-5) == "quantity-not-positive"
    assert refusal_of(book, quantity_units=LARGEST_INT64 + 1) == "quantity-above-int64"
    assert refusal_of(book, price_ticks=0) == "limit-not-positive"
    assert refusal_of(book, price_ticks=LARGEST_INT64 + 1) == "limit-above-int64"
    assert refusal_of(book, order_id=1) == "order-id-reused", "it rests"
    assert refusal_of(book, order_id=2) == "order-id-reused", "it is filled"
    assert refusal_of(book, side=SELL, price_ticks=None) == "market-order-without-liquidity"
    assert refusal_of(book, time=3) == "book-time-goes-back"
    assert refusal_of(book, expires_at=99) == "expiry-not-allowed"
    assert refusal_of(book, expires_at=9, time_in_force=TimeInForce.GTC) == "order-already-expired"
    largest = add(book, 10, BUY, LARGEST_INT64, 1)
    assert largest.resting_units == LARGEST_INT64
    add(book, 11, BUY, LARGEST_INT64, 1)
    assert book.count_units(side=BUY) == 2 * LARGEST_INT64, "sums do not overflow"


def test_what_is_over_cannot_be_cancelled_or_replaced() -> None:
    book = ladder_of_offers()
    add(book, 4, BUY, 50, 100)
    book.cancel_order(order_id=3, time=5)
    for order_id, code in ((2, "order-filled"), (4, "order-filled"), (3, "order-ended"), (8, "unknown-order")):
        with pytest.raises(Refusal) as refusal:
            book.cancel_order(order_id=order_id, time=6)
        assert refusal.value.code == code
        with pytest.raises(Refusal) as refusal:
            book.replace_order(order_id=order_id, quantity_units=5, time=6)
        assert refusal.value.code == code


def test_day_orders_end_with_the_session_and_gtc_at_their_time() -> None:
    book = OrderBook()
    add(book, 1, BUY, 10, 99, TimeInForce.GTC, expires_at=20)
    add(book, 2, BUY, 10, 100, TimeInForce.DAY)
    add(book, 3, SELL, 10, 101, TimeInForce.GTC)
    assert book.next_expiry == 20
    assert refusal_of(book, time=20) == "book-expiry-due"
    assert book.expire_orders(time=20).removals == (Removal(1, 10, OrderEnd.EXPIRED),)
    assert book.expire_orders(time=21, session_ends=True).removals == (Removal(2, 10, OrderEnd.EXPIRED),)
    assert (book.best_bid_ticks, book.best_offer_ticks) == (None, 101)


def test_a_killed_venue_comes_back_the_same_from_its_log() -> None:
    book = ladder_of_offers(SelfTrade.CANCEL_BOTH)
    log = list(book.drain_events())
    snapshot = snapshot_book(book=book)
    outcomes = [add(book, 4, BUY, 60, 101), book.replace_order(order_id=1, quantity_units=12, time=5)]
    book.cancel_order(order_id=3, time=6)
    tail = list(book.drain_events())
    assert [event.number for event in log + tail] == [1, 2, 3, 4, 5, 6]
    from_log = rebuild_book(events=log + tail, self_trade=SelfTrade.CANCEL_BOTH)
    assert snapshot_book(book=from_log) == snapshot_book(book=book)
    from_snapshot = restore_book(snapshot=snapshot)
    assert replay_events(book=from_snapshot, events=tail)[:2] == outcomes, "the same executions, the same numbers"
    assert snapshot_book(book=from_snapshot) == snapshot_book(book=book)
    assert from_snapshot.drain_events() == tuple(tail)


def test_a_log_with_a_gap_a_double_or_a_foreign_event_is_refused() -> None:
    log = list(ladder_of_offers().drain_events())
    for broken in (log[1:], [log[0], log[0]], [log[0], log[1]._replace(order_id=1)], [log[0]._replace(side=None)]):
        with pytest.raises(EventLogBroken):
            rebuild_book(events=broken)


@pytest.mark.parametrize(
    ("price", "tick", "ticks"),
    [("100.05", "0.01", 10_005), ("0.3", "0.1", 3), ("99.99609375", "0.0078125", 12_799.5), ("7", "0.25", 28)],
)
def test_prices_are_counted_in_ticks_exactly(price: str, tick: str, ticks: float) -> None:
    if ticks != int(ticks):
        with pytest.raises(Refusal) as refusal:
            count_ticks(price=Decimal(price), tick=Decimal(tick))
        assert refusal.value.code == "limit-off-tick"
        assert refusal.value.extra == {"price": price, "tick": tick}
    else:
        assert count_ticks(price=Decimal(price), tick=Decimal(tick)) == ticks


@pytest.mark.parametrize(
    ("price", "tick", "code"),
    [
        ("0", "0.01", "limit-not-positive"),
        ("-1", "0.01", "limit-not-positive"),
        ("NaN", "0.01", "limit-not-positive"),
        ("Infinity", "0.01", "limit-not-positive"),
        ("1", "0", "tick-not-positive"),
        ("1e20", "0.01", "limit-above-int64"),
    ],
)
def test_what_is_no_price_is_refused_by_name(price: str, tick: str, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        count_ticks(price=Decimal(price), tick=Decimal(tick))
    assert refusal.value.code == code
