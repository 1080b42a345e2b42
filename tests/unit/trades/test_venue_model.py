"""The simulated venue: inside the real day, from the seed alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trades.core.book.order_book import OrderBook
from trades.core.book.terms import OrderSide
from trades.core.venue_model import (
    LEAST_LATENCY_MS,
    MOST_LATENCY_MS,
    BackgroundOrder,
    DayRange,
    DayRangeInvalid,
    VenueProfile,
    draw_response,
    lay_background,
    walk_day,
)

# AAPL on 2000-03-01, in cents.
DAY = DayRange(open_ticks=11_856, high_ticks=13_206, low_ticks=11_850, close_ticks=13_031, volume_units=9_616_100)


@st.composite
def days(draw: st.DrawFn) -> DayRange:
    low, high = sorted((draw(st.integers(1, 2_000)), draw(st.integers(1, 2_000))))
    inside = st.integers(low, high)
    return DayRange(draw(inside), high, low, draw(inside), draw(st.integers(0, 10**9)))


def background(day: DayRange, profile: VenueProfile, seed: int, steps: int = 40) -> list[BackgroundOrder]:
    path = walk_day(day=day, security="AAPL", seed=seed, steps=steps)
    return list(lay_background(profile=profile, day=day, path=path, security="AAPL", seed=seed))


@given(day=days(), seed=st.integers(0, 2**32), steps=st.integers(2, 300))
def test_the_day_starts_at_its_open_ends_at_its_close_and_stays_inside(day: DayRange, seed: int, steps: int) -> None:
    path = walk_day(day=day, security="AAPL", seed=seed, steps=steps)
    assert path.shape == (steps,)
    assert (path[0], path[-1]) == (day.open_ticks, day.close_ticks)
    assert path.min() >= day.low_ticks
    assert path.max() <= day.high_ticks


def test_the_path_moves_about_as_far_as_the_day_did() -> None:
    ranges = [np.ptp(walk_day(day=DAY, security="AAPL", seed=seed, steps=200)) for seed in range(50)]
    assert 0.6 < np.mean(ranges) / (DAY.high_ticks - DAY.low_ticks) <= 1.0


@given(day=days(), seed=st.integers(0, 2**32), deviation=st.floats(0, 50), spread=st.floats(0, 50))
def test_background_orders_stay_inside_the_day_and_do_not_cross_within_a_step(
    day: DayRange, seed: int, deviation: float, spread: float
) -> None:
    found = background(day, VenueProfile("ONE", price_deviation_ticks=deviation, spread_ticks=spread), seed, steps=10)
    assert len(found) == 40
    for step in range(10):
        here = [order for order in found if order.step == step]
        assert all(day.low_ticks <= order.price_ticks <= day.high_ticks for order in here)
        assert all(order.quantity_units > 0 for order in here)
        bids = [order.price_ticks for order in here if order.side == OrderSide.BUY]
        offers = [order.price_ticks for order in here if order.side == OrderSide.SELL]
        assert not bids or not offers or max(bids) < min(offers)


def test_the_background_is_about_the_venue_s_share_and_makes_a_market() -> None:
    profile = VenueProfile("ONE", share_ppm=200_000)
    found = background(DAY, profile, seed=7, steps=400)
    assert sum(order.quantity_units for order in found) == pytest.approx(0.2 * DAY.volume_units, rel=0.1)
    book, traded, two_sided = OrderBook(), 0, 0
    for number, order in enumerate(found):
        outcome = book.add_order(
            order_id=number, side=order.side, quantity_units=order.quantity_units, price_ticks=order.price_ticks,
            time=order.step,
        )  # fmt: skip
        traded += sum(execution.quantity_units for execution in outcome.executions)
        two_sided += book.best_bid_ticks is not None and book.best_offer_ticks is not None
    assert traded > 0
    assert two_sided > 0.9 * len(found)


def test_venues_and_seeds_differ_and_the_same_is_the_same() -> None:
    assert background(DAY, VenueProfile("ONE"), 7) == background(DAY, VenueProfile("ONE"), 7)
    assert background(DAY, VenueProfile("ONE"), 7) != background(DAY, VenueProfile("TWO"), 7)
    assert background(DAY, VenueProfile("ONE"), 7) != background(DAY, VenueProfile("ONE"), 8)


def test_a_venue_asked_again_answers_the_same_whatever_was_asked_between() -> None:
    profile = VenueProfile("ONE", success_ppm=500_000)
    first = [draw_response(profile=profile, seed=7, order_id=order, attempt=0) for order in range(200)]
    again = [draw_response(profile=profile, seed=7, order_id=order, attempt=0) for order in reversed(range(200))]
    assert first == again[::-1]
    other = [draw_response(profile=profile, seed=7, order_id=order, attempt=1) for order in range(200)]
    assert first != other


def test_latency_and_success_are_as_the_profile_says() -> None:
    profile = VenueProfile("ONE", success_ppm=900_000)
    found = [draw_response(profile=profile, seed=7, order_id=order, attempt=0) for order in range(3_000)]
    latencies = [response.latency_ms for response in found]
    assert (min(latencies), max(latencies)) == (LEAST_LATENCY_MS, MOST_LATENCY_MS)
    assert np.mean(latencies) == pytest.approx(52.5, abs=2)
    assert np.mean([response.succeeds for response in found]) == pytest.approx(0.9, abs=0.02)
    for ppm, succeeds in ((0, False), (1_000_000, True)):
        sure = VenueProfile("ONE", success_ppm=ppm)
        assert draw_response(profile=sure, seed=7, order_id=1, attempt=0).succeeds is succeeds


@pytest.mark.parametrize("prices", [(5, 10, 6, 8), (8, 10, 6, 11), (0, 0, 0, 0), (8, 6, 10, 8)])
def test_an_impossible_day_is_refused(prices: tuple[int, int, int, int]) -> None:
    with pytest.raises(DayRangeInvalid):
        DayRange(*prices, volume_units=1)


def test_a_day_of_one_price_has_one_sided_steps() -> None:
    found = background(DayRange(5, 5, 5, 5, 1_000), VenueProfile("ONE"), 7)
    assert {order.price_ticks for order in found} == {5}
    assert {order.side for order in found} == set(OrderSide)
    for one, two in pairwise(found):
        assert one.step != two.step or one.side == two.side
