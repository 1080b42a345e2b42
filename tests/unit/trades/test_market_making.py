"""The market maker's quotes: inside the day, never crossed on the way from one set to the next."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.core.intraday import DayRange, walk_day
from trades.core.book.order_book import OrderBook
from trades.core.book.terms import BookEventKind, OrderSide, RestingOrder
from trades.core.market_making import LEVELS, Quotes, make_quotes, plan_moves
from trades.core.venue_model import VenueProfile

# AAPL on 2000-03-01, in cents.
DAY = DayRange(open_ticks=11_856, high_ticks=13_206, low_ticks=11_850, close_ticks=13_031, volume_units=9_616_100)
MAKER = 7


@st.composite
def days(draw: st.DrawFn) -> DayRange:
    low, high = sorted((draw(st.integers(1, 20_000)), draw(st.integers(1, 20_000))))
    inside = st.integers(low, high)
    return DayRange(draw(inside), high, low, draw(inside), draw(st.integers(0, 10**9)))


def resting_quotes(book: OrderBook) -> list[RestingOrder]:
    """Return the market maker's orders that rest."""
    return [
        order
        for side in (OrderSide.BUY, OrderSide.SELL)
        for order in book.list_resting(side=side)
        if order.owner == MAKER
    ]


def move_to(book: OrderBook, wanted: Quotes, *, first_id: int) -> int:
    """Make the moves to other quotes, each as the book takes it; return how many units were executed."""
    traded = 0
    for place, move in enumerate(plan_moves(resting=resting_quotes(book), wanted=wanted)):
        if move.kind == BookEventKind.CANCEL:
            book.cancel_order(order_id=move.order_id, time=0)
            continue
        if move.kind == BookEventKind.ADD:
            outcome = book.add_order(
                order_id=first_id + place, side=move.side, quantity_units=move.units, price_ticks=move.price_ticks,
                time=0, owner=MAKER,
            )  # fmt: skip
        else:
            found = book.find_order(order_id=move.order_id)
            assert isinstance(found, RestingOrder)
            outcome = book.replace_order(
                order_id=move.order_id, quantity_units=found.filled_units + move.units, price_ticks=move.price_ticks,
                time=0,
            )  # fmt: skip
        assert all(done.maker_owner != done.taker_owner for done in outcome.executions)
        traded += sum(done.quantity_units for done in outcome.executions)
    return traded


@given(
    day=days(), seed=st.integers(0, 2**32), deviation=st.floats(0, 50), spread=st.floats(0.1, 50), share=st.floats(0, 1)
)
def test_quotes_stay_inside_the_day_and_never_cross(
    day: DayRange, seed: int, deviation: float, spread: float, share: float
) -> None:
    middle = day.low_ticks + round(share * (day.high_ticks - day.low_ticks))
    profile = VenueProfile("ONE", price_deviation_ticks=deviation, spread_ticks=spread)
    found = make_quotes(
        profile=profile, day=day, middle_ticks=middle, security="AAPL", seed=seed, step=3, lot_units=10
    )  # fmt: skip
    for levels, order in ((found.bids, -1), (found.offers, 1)):
        prices = [price for price, _ in levels]
        assert prices == sorted(set(prices), key=lambda price: price * order)
        assert all(day.low_ticks <= price <= day.high_ticks for price in prices)
        assert all(units > 0 and units % 10 == 0 for _, units in levels)
        assert len(levels) <= LEVELS
    assert found.bids or found.offers
    if found.bids and found.offers:
        assert found.bids[0][0] < found.offers[0][0]
    if day.high_ticks > day.low_ticks:
        assert found.bids
        assert found.offers


LEVEL = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), max_size=5, unique_by=lambda level: level[0])


@st.composite
def quotes(draw: st.DrawFn) -> Quotes:
    levels = sorted(draw(LEVEL))
    cut = draw(st.integers(0, len(levels)))
    return Quotes(bids=tuple(levels[:cut][::-1]), offers=tuple(levels[cut:]))


@given(steps=st.lists(quotes(), min_size=2, max_size=6))
def test_moving_never_trades_with_itself_and_ends_where_it_should(steps: list[Quotes]) -> None:
    book = OrderBook()
    for number, wanted in enumerate(steps):
        assert move_to(book, wanted, first_id=number * 100 + 1) == 0
        bids = book.list_levels(side=OrderSide.BUY, count=10)
        offers = book.list_levels(side=OrderSide.SELL, count=10)
        assert [level.price_ticks for level in bids] == [price for price, _ in wanted.bids]
        assert [level.price_ticks for level in offers] == [price for price, _ in wanted.offers]
        assert all(level.orders == 1 for level in (*bids, *offers))
        assert not plan_moves(resting=resting_quotes(book), wanted=wanted)


def test_quotes_that_reach_a_client_s_order_trade_with_it() -> None:
    book = OrderBook()
    book.add_order(order_id=1, side=OrderSide.BUY, quantity_units=10, price_ticks=100, time=0, owner=1)
    assert move_to(book, Quotes(bids=(), offers=((105, 4), (106, 4))), first_id=10) == 0
    assert move_to(book, Quotes(bids=((98, 3),), offers=((99, 4), (100, 4))), first_id=20) == 8
    assert book.find_depth(side=OrderSide.BUY, price_ticks=100).quantity_units == 2


def test_a_price_still_wanted_keeps_its_place_and_what_is_left_of_it() -> None:
    book = OrderBook()
    move_to(book, Quotes(bids=((99, 5), (98, 5)), offers=((101, 5),)), first_id=10)
    book.add_order(order_id=1, side=OrderSide.SELL, quantity_units=2, price_ticks=99, time=0, owner=1)
    moves = plan_moves(resting=resting_quotes(book), wanted=Quotes(bids=((99, 9), (97, 9)), offers=((101, 5),)))
    assert [(move.kind, move.price_ticks, move.units) for move in moves] == [(BookEventKind.REPLACE, 97, 9)]
    assert book.find_depth(side=OrderSide.BUY, price_ticks=99).quantity_units == 3


def test_venues_seeds_and_steps_differ_and_the_same_is_the_same() -> None:
    def drawn(venue: str = "ONE", seed: int = 7, step: int = 3) -> Quotes:
        return make_quotes(
            profile=VenueProfile(venue), day=DAY, middle_ticks=12_500, security="AAPL", seed=seed, step=step
        )

    assert drawn() == drawn()
    assert len({drawn(), drawn(venue="TWO"), drawn(seed=8), drawn(step=4)}) == 4


def test_quotes_are_near_the_path_and_of_the_venue_s_share() -> None:
    path = walk_day(day=DAY, security="AAPL", seed=7)
    profile = VenueProfile("ONE", share_ppm=200_000)
    sizes, off = [], []
    for step, middle in enumerate(path.tolist()):
        found = make_quotes(profile=profile, day=DAY, middle_ticks=middle, security="AAPL", seed=7, step=step)
        sizes += [units for _, units in (*found.bids, *found.offers)]
        if found.bids and found.offers:
            off.append((found.bids[0][0] + found.offers[0][0]) / 2 - middle)
    assert np.median(sizes) == pytest.approx(DAY.volume_units * 0.2 * 100e-6, rel=0.1)
    assert abs(float(np.mean(off))) < 1
